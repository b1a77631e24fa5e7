# Counts passed tests by backend. Reads dev/counts.txt, then what `cargo test` printed.
#
#   awk -f dev/counts.awk dev/counts.txt LOG…                   a line for each backend; exit 1 where one has too few
#   awk -v quick=yes -f dev/counts.awk dev/counts.txt LOG…      the same without what needs a server
#   awk -v anew=yes -f dev/counts.awk dev/counts.txt LOG…       dev/counts.txt with these numbers

FNR == NR {
  if ($0 !~ /^#/ && NF >= 2) {
    names[++count] = $1
    least[$1] = $2
    mark[$1] = $3
  } else {
    head = head $0 "\n"
  }
  next
}

/^ *Running / {
  # "Running tests/postgres/main.rs (target/…)", or "Running unittests src/lib.rs (…)".
  program = $2 == "unittests" ? "" : $2
  sub(/\/main\.rs$/, "", program)
  sub(/\.rs$/, "", program)
  sub(/.*\//, "", program)
  counted = 1
}

# Those of the documentation are named after files.
/^ *Doc-tests / { counted = 0 }

counted && /^test .* \.\.\. ok$/ {
  passed["all"]++
  path = "::" program "::" $2 "::"
  for (n = 1; n <= count; n++) {
    if (index(path, "::" names[n] "::")) passed[names[n]]++
  }
}

END {
  if (anew == "yes") {
    printf "%s", head
    for (n = 1; n <= count; n++) {
      name = names[n]
      print name " " passed[name] + 0 (mark[name] ? " " mark[name] : "")
    }
    exit
  }
  for (n = 1; n <= count; n++) {
    name = names[n]
    if (quick == "yes" && (mark[name] == "server" || name == "all")) continue
    few = passed[name] + 0 < least[name]
    printf "  %-10s %5d passed, of at least %d%s\n", name, passed[name], least[name], few ? ": TOO FEW" : ""
    if (few) bad = 1
  }
  exit bad
}
