//! The program of the demo, killed with SIGKILL at ten random moments of its recorded progress and
//! started again: nothing is lost, nothing is done twice, and the report is the same; on a server as in a file.
//!
//! Not in dev/test --quick: it runs the demo program and kills it

#[cfg(test)]
mod demo {
    mod life;
    mod record;
    mod trouble;

    use rand::rngs::StdRng;
    use rand::{SeedableRng, seq};

    use artel_testkit::servers::{Kind, Server};

    use life::{Ended, Review};
    use record::Record;
    use trouble::Trouble;

    /// How often the program is killed, and in how many reviews.
    const KILLS: usize = 10;
    const REVIEWS: usize = 3;

    /// Moments as seqs, in as many groups as there are reviews, each in ascending order. The last
    /// tenth is left out: there the program might end before it is killed.
    fn moments(seed: u64, last_seq: u64) -> Vec<Vec<u64>> {
        let mut rng = StdRng::seed_from_u64(seed);
        let len = usize::try_from(last_seq * 9 / 10).unwrap();
        let mut drawn = seq::index::sample(&mut rng, len, KILLS).into_vec();
        drawn.sort_unstable();
        let group = |first: usize| drawn.iter().skip(first).step_by(REVIEWS);
        (0..REVIEWS).map(|first| group(first).map(|&moment| moment as u64 + 1).collect()).collect()
    }

    fn finish(review: &Review<'_>) -> u64 {
        let Ended::Finished { seq, output } = review.live(None) else {
            panic!("nobody killed this one")
        };
        assert!(output.contains("finished work repeated: 0\n"), "{output}");
        seq
    }

    /// `ARTEL_DEMO_SEED` at compile time repeats a run, as far as the machine does.
    fn seed() -> u64 {
        let given = option_env!("ARTEL_DEMO_SEED").map(|seed| seed.parse().unwrap());
        given.unwrap_or_else(|| u64::from(std::process::id()))
    }

    /// I1, I3, I6: what was recorded when the program died is there, and is not done again.
    #[tokio::test]
    async fn a_review_that_is_killed_again_and_again_ends_like_one_that_is_not() {
        let trouble = Trouble::make();
        let whole = Review::new(&trouble, "whole");
        let last_seq = finish(&whole);
        let expected = Record::read(&whole).await;
        expected.assert_complete(&trouble, 1);

        let seed = seed();
        println!("seed {seed}, {last_seq} events without a kill");
        let mut killed = 0;
        for (number, moments) in moments(seed, last_seq).into_iter().enumerate() {
            let review = Review::new(&trouble, &format!("killed-{number}"));
            for &moment in &moments {
                let Ended::Killed { line } = review.live(Some(moment)) else {
                    panic!("seed {seed}: the program ended before it was killed at {moment}")
                };
                println!("review {number} is killed for moment {moment} at {line}");
                killed += 1;
            }
            finish(&review);
            let record = Record::read(&review).await;
            record.assert_complete(&trouble, moments.len() as u64 + 1);
            assert_eq!(record.verdicts, expected.verdicts, "seed {seed}");
            assert_eq!(review.report(), whole.report(), "seed {seed}");
        }
        assert_eq!(killed, KILLS);
    }
    /// POSTGRES-4, REDIS-4, OWN-6, I1, I3, I6: a server keeps a board for its owner for a while after that was
    /// killed. The same command waits for it, goes on there, and ends in the report that it ends in on a file.
    #[tokio::test]
    async fn a_review_on_a_server_that_is_killed_ends_like_one_in_a_file() {
        let trouble = Trouble::make();
        let whole = Review::new(&trouble, "whole");
        let last_seq = finish(&whole);
        let expected = Record::read(&whole).await;
        for kind in [Kind::Postgres, Kind::Redis] {
            let server = Server::start(kind);
            let board = format!("{}?board=review&ownership=3s", server.url());
            let review = Review::on(&trouble, &format!("{kind:?}"), board);
            let Ended::Killed { line } = review.live(Some(last_seq / 2)) else {
                panic!("the program ended on {kind:?} before it was killed")
            };
            println!("on {kind:?} it is killed at {line}");
            finish(&review);
            let record = Record::read(&review).await;
            record.assert_complete(&trouble, 2);
            assert_eq!(record.verdicts, expected.verdicts, "{kind:?}");
            assert_eq!(review.report(), whole.report(), "{kind:?}");
        }
    }
}
