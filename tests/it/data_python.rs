//! What `neuron score export` writes, as pandas' reader of Parquet has it.

use std::process::Command;

use crate::needs::python;
use crate::score::{ledger, score};

tests! { asynchronous: pyarrow_reads_what_is_exported }

async fn pyarrow_reads_what_is_exported() {
    let python = python("NEURON_PYTHON_DATA");
    let folder = tempfile::tempdir().unwrap();
    ledger(folder.path()).await;
    let to = folder.path().join("export");
    for format in ["csv", "parquet"] {
        let tables = ["--tables", "events,scores,reports,intervals"];
        let (status, _) = score(
            folder.path(),
            &[&["export", "--to", to.to_str().unwrap(), "--format", format], &tables[..]].concat(),
        );
        assert_eq!(status, Some(0));
    }
    // The same cells in both formats, by a reader that is not ours; types as docs/scoring.md has them.
    let script = r#"
import csv, sys, pyarrow as pa, pyarrow.parquet as pq
for name, rows in (("events", 30), ("scores", 180), ("reports", 180), ("intervals", None)):
    table = pq.read_table(f"{sys.argv[1]}/{name}.parquet")
    with open(f"{sys.argv[1]}/{name}.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert table.num_rows == len(lines) and rows in (None, len(lines)), (name, table.num_rows, len(lines))
    for column in table.schema:
        values = table[column.name]
        values = (values.cast(pa.int64()) if pa.types.is_timestamp(column.type) else values).to_pylist()
        kind = {"string": str, "double": float}.get(str(column.type), int)
        expected = [kind(line[column.name]) if line[column.name] else None for line in lines]
        assert values == expected, (name, column.name)
    print(name, ",".join(f"{c.name}:{c.type}" for c in table.schema))
"#;
    let output = Command::new(python).args(["-c", script]).arg(&to).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let intervals = "event:string,hotkey:string,registered_at:int64,interval:int32,start:timestamp[ms, tz=UTC],answers:int32,\
                     sum_report:double,sum_price:double,sum_report2_minus_price2:double";
    assert!(text.contains(intervals), "{text}");
    assert!(text.contains("outcome:double") && text.contains("score:double"), "{text}");
}
