//! x
use super::fixture::Fixture;
#[tokio::test]
async fn dump() {
    let f = Fixture::new().await;
    let fine = f.fine.to_string();
    for args in [&["activation","show","10"][..], &["activation","show","14"], &["activation","show","23"],&["dlq","show","19"],&["dlq","show","10"],&["artifact","show","9"],&["artifact","show","13"],&["artifact","show","13","--json"],&["board","show","--json"],&["dlq","redrive","10","--reason","x"],&["dlq","redrive","10","--dry-run"],&["dlq","drop","--all","--dry-run"],&["activation","cancel","10","--reason","x"],&["event","tail","--correlation",&fine,"--limit", "4"],&["board","show","--board","nothing.db"],&["board","show","--board","/etc/passwd"],&["board","show","--board","mysql:x"],&["board","show","--board","memory:"],&["artifact","ls","--type","X"],&["dlq","redrive","--json"],&["artifact","ls","--since","yesterday"]] {
        let r = f.run(args);
        println!("$ artel {}\n{}{}[{:?}]\n", args.join(" "), r.out, r.err, r.code);
    }
    panic!();
}
