use super::*;

fn memory() -> Connection {
    let connection = Connection::from(rusqlite::Connection::open_in_memory().unwrap());
    connection.execute_batch("CREATE TABLE rain (at INTEGER PRIMARY KEY, mm REAL, place TEXT, raw BLOB)").unwrap();
    connection
}

fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT COUNT(*) FROM rain", [], |row| row.get(0)).unwrap()
}

#[test]
fn what_is_written_is_read_back() {
    let connection = memory();
    let mut insert =
        connection.prepare_cached("INSERT INTO rain (at, mm, place, raw) VALUES (?1, ?2, ?3, ?4)").unwrap();
    for (at, mm) in [(1_i64, 0.1), (2, f64::MIN_POSITIVE)] {
        assert_eq!(insert.execute(params![at, mm, None::<&str>, [at as u8].as_slice()]).unwrap(), 1);
    }
    let mut query = connection.prepare_cached("SELECT mm, place, raw, at FROM rain ORDER BY at").unwrap();
    let rows = query.query_map([], |row| {
        Ok((
            row.get::<f64>(0)?,
            row.get::<Option<String>>(1)?,
            row.get_ref(2)?.as_blob().unwrap().to_vec(),
            row.get(3)?,
        ))
    });
    let rows: Vec<(f64, Option<String>, Vec<u8>, u8)> = rows.unwrap().collect::<Result<_>>().unwrap();
    assert_eq!(rows, [(0.1, None, vec![1], 1), (f64::MIN_POSITIVE, None, vec![2], 2)]);
}

#[test]
fn a_wrong_number_of_values_and_a_wrong_kind_are_refused() {
    let connection = memory();
    assert!(connection.execute("INSERT INTO rain (at, mm) VALUES (?1, ?2)", [1_i64]).is_err());
    connection.execute("INSERT INTO rain (at, mm) VALUES (?1, 2.5)", [1_i64]).unwrap();
    let wrong = connection.query_row("SELECT mm FROM rain", [], |row| row.get::<String>(0)).unwrap_err();
    assert!(matches!(wrong, Error::Column { column: 0, .. }), "{wrong}");
    let none = connection.query_row("SELECT mm FROM rain WHERE at = 2", [], |row| row.get::<f64>(0));
    assert_eq!(none.optional().unwrap(), None);
}

#[test]
fn rows_take_the_place_of_those_with_their_key_and_the_last_one_stands() {
    let connection = memory();
    let row = |at: i64, mm: f64| vec![Owned::Int(at), Owned::Real(mm)];
    connection.fill("rain", &["at", "mm"], &[row(1, 0.1), row(2, 0.2)]).unwrap();
    connection.put("rain", 1, &["at", "mm"], &[row(2, 0.5), row(3, 0.3), row(3, 0.4)]).unwrap();
    let mut query = connection.prepare_cached("SELECT at, mm FROM rain ORDER BY at").unwrap();
    let rows: Vec<(i64, f64)> =
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_>>().unwrap();
    assert_eq!(rows, [(1, 0.1), (2, 0.5), (3, 0.4)]);
    assert!(connection.fill("rain", &["at", "mm"], &[row(1, 0.1)]).is_err(), "the key is there");
}

#[test]
fn a_transaction_that_is_dropped_has_not_happened() {
    let mut connection = memory();
    let transaction = connection.transaction().unwrap();
    transaction.execute("INSERT INTO rain (at) VALUES (1)", []).unwrap();
    drop(transaction);
    assert_eq!(count(&connection), 0);
    let transaction = connection.transaction().unwrap();
    transaction.execute("INSERT INTO rain (at) VALUES (1)", []).unwrap();
    transaction.commit().unwrap();
    assert_eq!(count(&connection), 1);
}
