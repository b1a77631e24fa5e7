-- One row a process that shares boards of this schema with others: which it wants, which of them it owns, and
-- until when it counts, unless it tells of itself again. Boards are named as in URLs.
CREATE TABLE process (
    token uuid PRIMARY KEY,
    pid bigint NOT NULL,
    program text NOT NULL,
    wants text[] NOT NULL,
    owns text[] NOT NULL,
    until timestamptz NOT NULL
) WITH (fillfactor = 50);

DROP FUNCTION append;

-- Appends a batch with its rows: all, or nothing. Says why not, where it does not continue the log. Arrays are
-- taken apart side by side, where each of a row's columns is at hand: as tables they would be written down first.
CREATE FUNCTION append(
    p_board int, p_first bigint, p_last bigint, p_epoch bigint, p_at bigint,
    p_previous bytea, p_hash bytea, p_bytes bytea, p_earliest bigint,
    p_artifact_seq bigint[], p_artifact_id uuid[], p_artifact_correlation uuid[],
    p_artifact_type int[], p_artifact_agent int[], p_artifact_at bigint[],
    p_artifact_envelope bytea[], p_artifact_salt bytea[], p_artifact_payload bytea[],
    p_artifact_producer text[], p_artifact_tags text[],
    p_stretch_kind smallint[], p_stretch_no int[], p_stretch_last bigint[], p_stretch_first bigint[],
    p_tag text[], p_tag_seq bigint[],
    p_key text[], p_key_seq bigint[],
    p_content_seq bigint[], p_content_salt bytea[], p_content_hash bytea[], p_content_bytes bytea[],
    p_reopened bigint[],
    p_closed bigint[], p_closed_outcome smallint[], p_closed_agent int[], p_closed_correlation uuid[],
    p_closed_body bytea[], p_closed_input bigint[],
    p_closed_ended bigint[], p_closed_at bigint[], p_closed_attempts int[], p_closed_reason text[],
    p_closed_kind text[], p_closed_fingerprint bytea[], p_closed_report bigint[],
    p_closed_apart boolean[],
    p_worked_on bigint[], p_worked_on_by bigint[],
    p_cancelled uuid[],
    p_names text, p_operations text
) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    head board%ROWTYPE;
BEGIN
    UPDATE board b SET seq = p_last, hash = p_hash, at = p_at
    WHERE b.no = p_board AND b.epoch = p_epoch AND b.seq = p_first - 1 AND b.hash = p_previous
        AND (b.seq = 0 OR b.at <= p_earliest);
    IF NOT FOUND THEN
        SELECT * INTO head FROM board b WHERE b.no = p_board;
        RETURN CASE
            WHEN head.no IS NULL THEN 'missing'
            WHEN head.epoch <> p_epoch THEN 'fenced'
            WHEN head.seq <> p_first - 1 OR head.hash <> p_previous THEN 'conflict'
            ELSE 'dated'
        END;
    END IF;
    INSERT INTO batch (board_no, last, first, epoch, at, previous, hash, bytes)
    VALUES (p_board, p_last, p_first, p_epoch, p_at, p_previous, p_hash, p_bytes);
    IF cardinality(p_artifact_seq) > 0 THEN
        INSERT INTO artifact
            (board_no, seq, id, correlation, type_no, agent_no, at, envelope, salt, payload,
             producer, tags)
        SELECT p_board, unnest(p_artifact_seq), unnest(p_artifact_id),
            unnest(p_artifact_correlation), unnest(p_artifact_type), unnest(p_artifact_agent),
            unnest(p_artifact_at), unnest(p_artifact_envelope), unnest(p_artifact_salt),
            unnest(p_artifact_payload), unnest(p_artifact_producer), unnest(p_artifact_tags);
        INSERT INTO stretch (board_no, kind, no, last, first)
        SELECT p_board, unnest(p_stretch_kind), unnest(p_stretch_no), unnest(p_stretch_last),
            unnest(p_stretch_first);
    END IF;
    IF cardinality(p_tag) > 0 THEN
        INSERT INTO tag (board_no, tag, seq) SELECT p_board, * FROM unnest(p_tag, p_tag_seq);
    END IF;
    IF cardinality(p_key) > 0 THEN
        INSERT INTO used_key (board_no, key, seq) SELECT p_board, * FROM unnest(p_key, p_key_seq)
        ON CONFLICT (board_no, key) DO UPDATE SET seq = excluded.seq;
    END IF;
    IF cardinality(p_content_seq) > 0 THEN
        INSERT INTO content (board_no, seq, salt, hash, bytes)
        SELECT p_board, * FROM
            unnest(p_content_seq, p_content_salt, p_content_hash, p_content_bytes);
    END IF;
    IF cardinality(p_reopened) > 0 THEN
        DELETE FROM closed c WHERE c.board_no = p_board AND c.activation = ANY (p_reopened);
    END IF;
    IF cardinality(p_closed) > 0 THEN
        -- What is there already was opened again, and so is deleted above. Nothing is written in place of a
        -- row: being ready for that costs as much again as the row.
        INSERT INTO closed
            (board_no, activation, outcome, agent_no, correlation, body, input, ended, at, attempts,
             reason, kind, fingerprint, report, apart)
        -- One that belongs to its first input's tree of work is found through that input. Where the owner does
        -- not know it any more it is looked up, as a value, so that each is by itself, whatever the server
        -- thinks of the sizes.
        SELECT p_board, u.activation, u.outcome, u.agent_no, u.correlation, u.body, u.input, u.ended,
            u.at, u.attempts, u.reason, u.kind, u.fingerprint, u.report, coalesce(u.apart, (
            SELECT a.correlation <> u.correlation FROM artifact a
            WHERE a.board_no = p_board AND a.seq = u.input LIMIT 1), true)
        FROM (SELECT unnest(p_closed), unnest(p_closed_outcome), unnest(p_closed_agent),
                unnest(p_closed_correlation), unnest(p_closed_body), unnest(p_closed_input),
                unnest(p_closed_ended), unnest(p_closed_at), unnest(p_closed_attempts),
                unnest(p_closed_reason), unnest(p_closed_kind), unnest(p_closed_fingerprint),
                unnest(p_closed_report), unnest(p_closed_apart))
            AS u (activation, outcome, agent_no, correlation, body, input, ended, at, attempts,
                  reason, kind, fingerprint, report, apart);
    END IF;
    IF cardinality(p_worked_on) > 0 THEN
        INSERT INTO worked_on (board_no, input, activation)
        SELECT p_board, * FROM unnest(p_worked_on, p_worked_on_by)
        ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(p_cancelled) > 0 THEN
        INSERT INTO cancelled (board_no, correlation)
        SELECT p_board, * FROM unnest(p_cancelled)
        ON CONFLICT DO NOTHING;
    END IF;
    IF p_names IS NOT NULL THEN
        INSERT INTO name (board_no, kind, no, name, version, agent_no)
        SELECT p_board, n.* FROM json_to_recordset(p_names::json)
            AS n (kind smallint, no int, name text, version int, agent int)
        ON CONFLICT (board_no, kind, no) DO UPDATE SET
            name = excluded.name, version = excluded.version, agent_no = excluded.agent_no;
    END IF;
    IF p_operations IS NOT NULL THEN
        INSERT INTO operation
            (board_no, seq, at, operator, reason, action, activation, correlation, agent_no,
             dependency_no)
        SELECT p_board, o.* FROM json_to_recordset(p_operations::json)
            AS o (seq bigint, at bigint, operator text, reason text, action text,
                  activation bigint, correlation uuid, agent int, dependency int);
    END IF;
    RETURN 'done';
END
$$;
