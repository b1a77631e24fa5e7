//! The service that two agents depend on is killed with SIGKILL in the middle of a review, and comes back
//! on the same port: the breaker holds what is left of their work back, closes by itself, and no attempt
//! is used up by waiting.
//!
//! Not in dev/test --quick: it runs the demo program

#[cfg(test)]
mod outage {
    use std::collections::{BTreeMap, BTreeSet};
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::ExitStatusExt;
    use std::path::Path;
    use std::process::{Child, Command, Stdio};

    use artel::event::{AttemptEnd, Event, Mended, Metered, Tripped};
    use artel::ids::{ActivationId, Seq, SubscriptionNo};
    use artel::{ErrorKind, Reader};

    const PROGRAM: &str = env!("CARGO_BIN_EXE_dependency_review");
    const PROJECT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    /// How many calls the two agents have under way at most, and how many a half-open breaker lets
    /// through.
    const CALLS: usize = 8;
    const PROBES: usize = 2;

    /// A process that does not outlive this value.
    struct Mortal(Child);

    impl Mortal {
        fn kill(mut self) {
            self.0.kill().unwrap();
            assert_eq!(self.0.wait().unwrap().signal(), Some(9), "it ran until it was killed");
        }
    }

    impl Drop for Mortal {
        fn drop(&mut self) {
            // One that has ended already cannot be killed.
            let _ = self.0.kill();
            self.0.wait().unwrap();
        }
    }

    /// A classifier, once it listens, and where.
    fn classifier(listen: &str) -> (Mortal, String) {
        let mut command = Command::new(PROGRAM);
        command.args(["classifier", "--listen", listen]).stdout(Stdio::piped());
        let mut service = Mortal(command.spawn().unwrap());
        let mut said = String::new();
        BufReader::new(service.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let address = said.trim_end().strip_prefix("classifier: listening at ").unwrap().to_owned();
        (service, address)
    }

    fn url(dir: &Path, name: &str) -> String {
        format!("sqlite:{}", dir.join(name).with_extension("artel.db").display())
    }

    fn review(dir: &Path, name: &str) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["--project", PROJECT, "--board", &url(dir, name), "--report"]);
        command.arg(dir.join(name).with_extension("md"));
        command.stdin(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// A number in a line of progress.
    fn number(line: &str, name: &str) -> Option<u64> {
        let mut values = line.split(' ').filter_map(|word| word.strip_prefix(name));
        values.next()?.strip_prefix('=')?.parse().ok()
    }

    /// Reviews with a classifier that is killed once there is a verdict, and is back once the breaker has
    /// found, by itself, that it is still away. Every moment is one of the log.
    fn live_through_an_outage(dir: &Path) {
        let (service, address) = classifier("127.0.0.1:0");
        let (mut first, mut second) = (Some(service), None);
        let mut command = review(dir, "outage");
        command.args(["--classifier", &address, "--progress", "/dev/stdout"]);
        let mut program = Mortal(command.stdout(Stdio::piped()).spawn().unwrap());
        for line in BufReader::new(program.0.stdout.take().unwrap()).lines().map(Result::unwrap) {
            if number(&line, "verdicts").is_some_and(|verdicts| verdicts > 0)
                && let Some(service) = first.take()
            {
                service.kill();
            }
            if number(&line, "opened").is_some_and(|opened| opened > 1) && second.is_none() {
                second = Some(classifier(&address).0);
            }
        }
        assert!(program.0.wait().unwrap().success());
        assert!(second.is_some(), "the breaker opened, and opened again");
    }

    /// What the log says of those who depend on the classifier.
    #[derive(Debug, Default)]
    struct Log {
        subscriptions: BTreeSet<SubscriptionNo>,
        /// Each activation's attempts, and those of them that failed.
        work: BTreeMap<ActivationId, (usize, usize)>,
        running: BTreeSet<ActivationId>,
        done: BTreeSet<ActivationId>,
        held: BTreeSet<ActivationId>,
        open: bool,
        half_open: bool,
        half_opened: usize,
        turns: Vec<Event>,
        begun_since: usize,
    }

    impl Log {
        async fn read(board: &str) -> Self {
            let reader = Reader::open(board).await.unwrap();
            let mut log = Self::default();
            let mut tail = reader.tail(Seq(1));
            while let Some(entry) = tail.next().await.unwrap() {
                log.take_in(entry.seq, &entry.event);
            }
            reader.close().await;
            log
        }

        fn take_in(&mut self, seq: Seq, event: &Event) {
            match event {
                Event::AgentDefined { definition, subscriptions, .. }
                    if ["licence", "bundled"].contains(&definition.name.as_str()) =>
                {
                    assert_eq!(definition.dependencies.len(), 1, "both depend on it");
                    self.subscriptions.extend(subscriptions);
                }
                Event::ActivationCreated { subscription, .. }
                    if self.subscriptions.contains(subscription) =>
                {
                    self.work.insert(ActivationId(seq), (0, 0));
                    self.hold();
                }
                Event::AttemptStarted { attempt, .. } => {
                    let Some(work) = self.work.get_mut(&attempt.activation) else { return };
                    work.0 += 1;
                    self.running.insert(attempt.activation);
                    self.begun_since += 1;
                    assert!(!self.open, "{attempt} begins behind an open breaker");
                    assert!(!self.half_open || self.begun_since <= PROBES, "{attempt} is a probe");
                }
                Event::AttemptEnded { attempt, end, .. } => {
                    let Some(work) = self.work.get_mut(&attempt.activation) else { return };
                    self.running.remove(&attempt.activation);
                    match end {
                        AttemptEnd::Done => assert!(self.done.insert(attempt.activation)),
                        AttemptEnd::Failed(ErrorKind::Transient) => work.1 += 1,
                        other => panic!("{attempt} ended as {other:?}"),
                    }
                    self.hold();
                }
                Event::BreakerOpened { of: Metered::Dependency(_), .. } => {
                    (self.open, self.half_open) = (true, false);
                    self.turn(event);
                }
                Event::BreakerHalfOpened { .. } => {
                    (self.open, self.half_open) = (false, true);
                    self.half_opened += 1;
                    self.turn(event);
                }
                Event::BreakerClosed { .. } => {
                    (self.open, self.half_open) = (false, false);
                    self.turn(event);
                }
                _ => {}
            }
        }

        fn turn(&mut self, event: &Event) {
            self.turns.push(event.clone());
            self.begun_since = 0;
            self.hold();
        }

        /// While calls are not let through, whatever waits is held back.
        fn hold(&mut self) {
            if self.open || self.half_open {
                let waits =
                    |id: &&ActivationId| !self.running.contains(id) && !self.done.contains(id);
                self.held.extend(self.work.keys().filter(waits));
            }
        }
    }

    /// I9: an open breaker lets no call through, half-open a few, and waiting behind it uses up no
    /// attempt.
    #[tokio::test]
    async fn work_waits_while_the_classifier_is_away_and_is_done_when_it_is_back() {
        let dir = tempfile::tempdir().unwrap();
        live_through_an_outage(dir.path());
        let board = url(dir.path(), "outage");
        let log = Log::read(&board).await;

        let [Event::BreakerOpened { why: Tripped::InARow, .. }, .., last] = &log.turns[..] else {
            panic!("it opened first: {:?}", log.turns)
        };
        assert!(matches!(last, Event::BreakerClosed { why: Mended::Probes, .. }), "{last:?}");
        let closed = |turn: &&Event| matches!(turn, Event::BreakerClosed { .. });
        assert_eq!(log.turns.iter().filter(closed).count(), 1, "{:?}", log.turns);

        let held = log.held.len();
        assert!(held > CALLS, "{held} activations were held back");
        assert_eq!(log.done, log.work.keys().copied().collect(), "all of them were done");
        for (id, (attempts, failed)) in &log.work {
            assert_eq!(*attempts, failed + 1, "{id} has no attempt that was no call");
        }
        let failed: usize = log.work.values().map(|(_, failed)| failed).sum();
        let most = 5 + CALLS + PROBES * log.half_opened;
        assert!((5..=most).contains(&failed), "{failed} calls failed, at most {most} could");

        let told = Command::new(PROGRAM).args(["outages", "--board", &board]).output().unwrap();
        let told = String::from_utf8(told.stdout).unwrap();
        for says in [
            format!("calls that failed: {failed}\n"),
            "calls begun while it was open: 0\n".to_owned(),
            format!("held back: {held}\n"),
            format!("done in the end: {held}\n"),
        ] {
            assert!(told.contains(&says), "{says}{told}");
        }

        assert!(review(dir.path(), "calm").output().unwrap().status.success());
        let report = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap();
        assert_eq!(report("outage.md"), report("calm.md"), "the outage leaves no trace in it");
    }
}
