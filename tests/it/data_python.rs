//! What `neuron score export` writes, as three readers of Parquet have it.

use std::process::Command;

use crate::needs::python;
use crate::score::{ledger, score};

tests! { asynchronous: pyarrow_duckdb_and_polars_read_what_is_exported }

async fn pyarrow_duckdb_and_polars_read_what_is_exported() {
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
    // The same cells in both formats, by readers that are not ours; types as docs/scoring.md has them.
    let script = r#"
import csv, sys, duckdb, polars, pyarrow as pa, pyarrow.parquet as pq
duckdb.sql("SET TimeZone = 'UTC'")
for name, rows in (("events", 30), ("scores", 180), ("reports", 180), ("intervals", None)):
    path = f"{sys.argv[1]}/{name}.parquet"
    table = pq.read_table(path)
    with open(f"{sys.argv[1]}/{name}.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert table.num_rows == len(lines) and rows in (None, len(lines)), (name, table.num_rows, len(lines))
    others = polars.read_parquet(path), duckdb.read_parquet(path)
    for column in table.schema:
        time = pa.types.is_timestamp(column.type)
        values = (table[column.name].cast(pa.int64()) if time else table[column.name]).to_pylist()
        kind = {"string": str, "double": float}.get(str(column.type), int)
        expected = [kind(line[column.name]) if line[column.name] else None for line in lines]
        assert values == expected, (name, column.name)
        seen = others[0][column.name]
        assert (seen.dt.epoch("ms") if time else seen).to_list() == expected, ("polars", name, column.name)
        query = f"epoch_ms({column.name})" if time else f'"{column.name}"'
        assert [row[0] for row in others[1].select(query).fetchall()] == expected, ("duckdb", name, column.name)
    meta = pq.ParquetFile(path).metadata.row_group(0)
    for k in range(meta.num_columns):
        chunk = meta.column(k)
        assert chunk.compression == "SNAPPY" and chunk.is_stats_set and chunk.has_dictionary_page, chunk
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
