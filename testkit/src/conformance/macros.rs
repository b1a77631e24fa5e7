//! The macro that enrols a backend. It lists every case; a test below finds one that it forgets.

/// Makes one test of each case of the suite for a backend: its name, and an expression that makes
/// its [`LogFactory`](crate::conformance::LogFactory).
#[macro_export]
macro_rules! log_conformance {
    ($backend:ident, $factory:expr) => {
        mod $backend {
            use super::*;

            $crate::log_conformance! {
                @cases $factory;
                append:
                    a_log_describes_itself,
                    a_new_log_is_empty,
                    an_acknowledged_append_is_seen_by_every_handle,
                    an_append_must_begin_after_the_head,
                    an_append_must_name_the_hash_before_it,
                    an_append_must_be_consistent_in_itself,
                    commit_times_never_fall,
                    an_artifact_id_is_used_once,
                    a_refused_append_leaves_nothing_behind,
                    an_acknowledged_append_is_there_when_the_log_is_opened_again,
                    a_batch_is_stored_as_it_is,
                    the_largest_command_is_stored,
                    a_batch_of_many_commands_is_stored,
                    of_two_appends_at_the_same_place_one_succeeds;
                fencing:
                    an_append_under_an_earlier_epoch_is_fenced_off,
                    an_earlier_owner_is_fenced_off,
                    only_the_owner_appends,
                    an_append_that_was_given_up_is_there_or_never_will_be,
                    after_an_unknown_outcome_the_board_is_owned_again_first,
                    epochs_never_repeat,
                    a_take_over_sees_every_acknowledged_append;
                ownership:
                    a_second_owner_is_refused_by_name,
                    a_board_that_was_given_up_can_be_owned,
                    a_log_that_regressed_is_owned_by_nobody,
                    a_board_is_free_when_its_owner_is_gone,
                    the_owner_can_be_seen,
                    whoever_waits_is_told_for_how_long,
                    readers_are_in_nobodys_way,
                    a_closed_log_says_so;
                read:
                    reading_begins_with_the_batch_that_holds_the_seq,
                    reading_is_bounded_by_bytes,
                    a_reader_follows_the_writer,
                    there_is_nothing_after_the_end,
                    a_moment_leads_to_the_last_event_before_it;
                look_up:
                    a_look_up_finds_ids_and_keys,
                    a_look_up_is_as_of_one_seq,
                    a_key_stands_for_the_artifact_that_used_it_last,
                    an_artifact_is_found_as_it_was_committed;
                contents:
                    contents_are_found_by_the_seq_of_their_event;
                query:
                    every_listing_agrees_with_its_definition,
                    pages_meet_every_artifact_once,
                    many_types_at_once_list_each_artifact_once,
                    a_page_is_bounded_by_the_bytes_of_its_payloads;
                closed:
                    a_closed_activation_is_found_as_it_was_closed_last,
                    a_correlation_is_known_and_may_be_cancelled,
                    every_listing_of_closed_activations_agrees_with_a_map;
                snapshot:
                    the_newest_snapshot_up_to_a_seq_is_found,
                    snapshots_can_be_kept_at_the_same_time,
                    a_snapshot_can_be_replaced,
                    a_snapshot_belongs_to_a_batch,
                    a_snapshot_is_kept_while_appends_go_on;
            }
        }
    };
    (@cases $factory:expr; $($theme:ident: $($case:ident),+;)+) => {
        $(
            mod $theme {
                use super::*;

                $(
                    #[tokio::test]
                    async fn $case() {
                        $crate::conformance::$theme::$case(&$factory).await;
                    }
                )+
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_case_is_listed() {
        let list = include_str!("macros.rs");
        let themes = [
            include_str!("append.rs"),
            include_str!("fencing.rs"),
            include_str!("ownership.rs"),
            include_str!("read.rs"),
            include_str!("look_up.rs"),
            include_str!("contents.rs"),
            include_str!("query.rs"),
            include_str!("closed.rs"),
            include_str!("snapshot.rs"),
        ];
        let mut cases = 0;
        for line in themes.iter().flat_map(|theme| theme.lines()) {
            let Some(rest) = line.strip_prefix("pub async fn ") else { continue };
            let name = rest.split('<').next().expect("a split has a first part");
            let listed = [",", ";"].iter().any(|end| list.contains(&format!(" {name}{end}")));
            assert!(listed, "the macro does not list the case `{name}`");
            cases += 1;
        }
        assert!(cases > 40, "only {cases} cases were found");
    }
}
