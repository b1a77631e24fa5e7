//! x
use super::fixture::Fixture;
#[tokio::test]
async fn dump() {
    let f = Fixture::new().await;
    let fine = f.fine.to_string();
    for args in [&["board","show"][..], &["board","verify"], &["board","hash"], &["artifact","ls"], &["artifact","show","11"], &["artifact","ls","--correlation",&fine],&["activation","ls"],&["dlq","ls"],&["event","tail","--from","1"],&["event","tail","--limit","3","--json"], &["activation","show","12"], &["activation","show", "21"], &["dlq","show","26"], &["artifact","show","9999"],&["board","rm"],&["dlq","redrive","--all","--reason","x"],&["dlq","ls"],&["board","show"], &["dlq", "redrive"]] {
        let r = f.run(args);
        println!("$ artel {}\n{}{}[{:?}]\n", args.join(" "), r.out, r.err, r.code);
    }
    panic!();
}
