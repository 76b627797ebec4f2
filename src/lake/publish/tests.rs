use std::cell::Cell as Counter;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ::parquet::file::reader::{FileReader, SerializedFileReader};

use super::super::folder::Folder;
use super::super::manifest::Manifest;
use super::super::source::Rows;
use super::super::store::{Draft, Version};
use super::super::table::{Column, Type};
use super::*;

const DAY: i64 = 24 * 3_600_000;
/// 2024-05-30T00:00Z: two months are touched.
const START: i64 = 1_717_027_200_000;

const TIDES: Kept = Kept {
    name: "tides",
    grain: Grain::Day,
    version: 1,
    columns: &[Column::of("harbour", Type::Text), Column::of("at", Type::Time)],
};
const WAVES: Kept = Kept { name: "waves", grain: Grain::Hour, version: 2, ..TIDES };
static TABLES: [Kept; 2] = [TIDES, WAVES];

/// Rows at these times in both tables.
struct Coast {
    times: Vec<i64>,
    /// Waves before this are forgotten while they are read.
    forgets: i64,
}

impl Source for Coast {
    fn tables(&self) -> &'static [Kept] {
        &TABLES
    }

    fn begins(&self, table: &Kept) -> Result<Option<UnixMs>, LakeError> {
        Ok(self.times.iter().min().map(|first| table.grain.floor(UnixMs(*first))))
    }

    fn read(&self, table: &Kept, stretch: Stretch, row: &mut Rows<'_>) -> Result<Read, LakeError> {
        for time in self.times.iter().filter(|time| stretch.has(UnixMs(**time))) {
            row(&[Cell::Text("Emden".into()), Cell::Time(*time)])?;
        }
        let forgotten = table.name == "waves" && stretch.from.0 < self.forgets;
        Ok(if forgotten { Read::Forgotten } else { Read::Whole })
    }
}

fn coast(days: i64) -> Coast {
    // Every seven hours, so that some hours and no day are empty.
    Coast { times: (0..days * 24 / 7).map(|n| START + n * 7 * 3_600_000).collect(), forgets: 0 }
}

/// A folder whose operations fail from a certain one on: what is asked of it before was done.
struct Failing<'a> {
    folder: &'a Folder,
    left: Counter<u32>,
}

impl Failing<'_> {
    fn works(&self) -> Result<(), LakeError> {
        match self.left.get() {
            0 => Err(LakeError::file("the store", io::Error::other("is down"))),
            left => {
                self.left.set(left - 1);
                Ok(())
            }
        }
    }
}

impl Store for Failing<'_> {
    fn name(&self) -> String {
        self.folder.name()
    }

    fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, LakeError> {
        self.works()?;
        self.folder.read(path)
    }

    fn replace(&self, path: &str, bytes: &[u8], expected: Option<&Version>) -> Result<bool, LakeError> {
        self.works()?;
        self.folder.replace(path, bytes, expected)
    }

    fn draft(&self) -> Result<Draft, LakeError> {
        self.works()?;
        self.folder.draft()
    }

    fn place(&self, draft: Draft, path: &str) -> Result<(), LakeError> {
        self.works()?;
        self.folder.place(draft, path)
    }
}

fn files(below: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "parquet") {
            found.push(path);
        }
    }
}

/// What a reader of the folder sees by names alone: how often each time is in each table.
fn seen(root: &Path) -> BTreeMap<(String, i64), usize> {
    let mut found = Vec::new();
    files(root, &mut found);
    let mut seen = BTreeMap::new();
    for path in found {
        let table = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let file = SerializedFileReader::try_from(path.as_path()).unwrap();
        for row in file.get_row_iter(None).unwrap() {
            let ::parquet::record::Field::TimestampMillis(at) =
                row.unwrap().get_column_iter().nth(1).unwrap().1.clone()
            else {
                panic!("no time")
            };
            *seen.entry((table.clone(), at)).or_default() += 1;
        }
    }
    seen
}

/// What the manifests list.
fn listed(root: &Path) -> Vec<Listed> {
    let folder = root.join("v1/_manifest");
    let mut months: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    months.sort();
    let read = |path: &PathBuf| serde_json::from_slice::<Manifest>(&std::fs::read(path).unwrap()).unwrap().files;
    months.iter().flat_map(read).collect()
}

fn expected(coast: &Coast) -> BTreeMap<(String, i64), usize> {
    let both = |time: &i64| [(("tides".to_owned(), *time), 1), (("waves".to_owned(), *time), 1)];
    coast.times.iter().flat_map(both).collect()
}

const ALWAYS: &dyn Fn() -> bool = &|| true;

#[test]
fn every_row_is_in_the_file_of_its_stretch_and_the_manifest_tells_the_truth_about_it() {
    let (root, coast) = (tempfile::tempdir().unwrap(), coast(5));
    let folder = Folder::open(root.path()).unwrap();
    let until = UnixMs(START + 4 * DAY);
    let done = publish(&coast, "north/sea", &folder, until, ALWAYS).unwrap();
    let within: BTreeMap<_, _> = expected(&coast).into_iter().filter(|((_, at), _)| *at < until.0).collect();
    assert_eq!(seen(root.path()), within);
    let listed = listed(root.path());
    assert_eq!((done.files, done.rows), (listed.len() as u64, within.len() as u64));
    assert_eq!(listed.iter().map(|file| file.rows).sum::<u64>(), done.rows);
    for file in &listed {
        let bytes = std::fs::read(root.path().join("v1").join(&file.path)).unwrap();
        assert_eq!((bytes.len() as u64, hex::encode(Sha256::digest(&bytes))), (file.bytes, file.sha256.clone()));
        assert!(file.path.contains(&format!("day={}", file.day)), "{file:?}");
    }
    assert!(root.path().join("v1/tides/day=2024-06-02/tides.parquet").exists(), "in the second month");
    let hour = root.path().join("v1/waves_v2/day=2024-05-30/hour=07/waves.parquet");
    let file = SerializedFileReader::try_from(hour.as_path()).unwrap();
    let said = file.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let said: BTreeMap<String, String> =
        said.into_iter().map(|pair| (pair.key, pair.value.unwrap_or_default())).collect();
    assert_eq!((said["neuron.lake.table"].as_str(), said["neuron.lake.version"].as_str()), ("waves", "2"));
    assert_eq!((said["neuron.lake.ledger"].as_str(), said["neuron.lake.format"].as_str()), ("north/sea", "1"));

    let again = publish(&coast, "north/sea", &folder, until, ALWAYS).unwrap();
    assert_eq!((again.files, again.there), (0, done.files), "nothing is done twice");
    publish(&coast, "north/sea", &folder, UnixMs(START + 5 * DAY), ALWAYS).unwrap();
    assert_eq!(seen(root.path()), expected(&coast), "and the rest follows when it is over");
}

#[test]
fn a_run_that_fails_anywhere_is_finished_by_the_next_one_with_nothing_doubled() {
    let coast = coast(3);
    let until = UnixMs(START + 3 * DAY);
    for works in 0.. {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        let failing = Failing { folder: &folder, left: Counter::new(works) };
        let first = publish(&coast, "sea", &failing, until, ALWAYS);
        // What can be seen at this moment is whole, and there once.
        assert!(seen(root.path()).values().all(|times| *times == 1), "after {works} operations");
        publish(&coast, "sea", &folder, until, ALWAYS).unwrap();
        assert_eq!(seen(root.path()), expected(&coast), "after {works} operations");
        assert_eq!(listed(root.path()).iter().map(|file| file.rows).sum::<u64>(), coast.times.len() as u64 * 2);
        let drafts = std::fs::read_dir(root.path().join("_drafts")).unwrap().count();
        assert_eq!(drafts, 1, "the lock alone, after {works} operations");
        if first.is_ok() {
            assert!(works > 20, "the store never failed: {works}");
            break;
        }
    }
}

#[test]
fn a_run_that_is_stopped_lists_what_it_has_placed() {
    let (root, coast) = (tempfile::tempdir().unwrap(), coast(3));
    let folder = Folder::open(root.path()).unwrap();
    let until = UnixMs(START + 3 * DAY);
    let left = Counter::new(6);
    let goes_on = || {
        left.set(left.get() - 1);
        left.get() > 0
    };
    let first = publish(&coast, "sea", &folder, until, &goes_on).unwrap();
    assert_eq!((first.stopped, first.files as usize), (true, listed(root.path()).len()));
    let second = publish(&coast, "sea", &folder, until, ALWAYS).unwrap();
    assert!(!second.stopped && second.there == first.files);
    assert_eq!(seen(root.path()), expected(&coast));
}

#[test]
fn what_the_ledger_forgets_meanwhile_is_not_published_as_if_it_were_whole() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::open(root.path()).unwrap();
    let coast = Coast { forgets: START + DAY, ..coast(3) };
    publish(&coast, "sea", &folder, UnixMs(START + 3 * DAY), ALWAYS).unwrap();
    let seen = seen(root.path());
    assert!(seen.keys().filter(|(table, _)| table == "waves").all(|(_, at)| *at >= START + DAY));
    assert_eq!(seen.keys().filter(|(table, _)| table == "tides").count(), coast.times.len());
}

#[test]
fn a_lake_belongs_to_one_ledger_and_a_later_one_is_left_alone() {
    let (root, coast) = (tempfile::tempdir().unwrap(), coast(1));
    let folder = Folder::open(root.path()).unwrap();
    let run = |ledger: &str| publish(&coast, ledger, &folder, UnixMs(START + DAY), ALWAYS);
    run("netuid155/a").unwrap();
    let other = run("netuid155/b").unwrap_err().to_string();
    assert!(other.contains("netuid155/a") && other.contains("netuid155/b"), "{other}");
    let path = root.path().join("v1/_lake.json");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"harbour\"") && text.contains("timestamp_ms_utc"), "{text}");
    std::fs::write(&path, text.replace("\"format\": 1", "\"format\": 9")).unwrap();
    assert!(matches!(run("netuid155/a"), Err(LakeError::TooNew { found: 9, known: 1, .. })));
    std::fs::write(&path, "{").unwrap();
    assert!(matches!(run("netuid155/a"), Err(LakeError::Damaged { .. })));
}

#[test]
fn somebody_elses_entries_stay_when_two_write_a_manifest() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::open(root.path()).unwrap();
    let entry = |day: &str, rows: u64| Listed {
        table: "tides".into(),
        version: 1,
        day: day.into(),
        hour: None,
        path: format!("tides/day={day}/tides.parquet"),
        rows,
        bytes: 1,
        sha256: String::new(),
    };
    /// Somebody writes between our reading and our writing, once.
    struct Raced<'a>(&'a Folder, Counter<bool>, Listed);
    impl Store for Raced<'_> {
        fn name(&self) -> String {
            self.0.name()
        }

        fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, LakeError> {
            self.0.read(path)
        }

        fn replace(&self, path: &str, bytes: &[u8], expected: Option<&Version>) -> Result<bool, LakeError> {
            if self.1.replace(false) {
                manifest::commit(self.0, path, std::slice::from_ref(&self.2))?;
                return Ok(false);
            }
            self.0.replace(path, bytes, expected)
        }

        fn draft(&self) -> Result<Draft, LakeError> {
            self.0.draft()
        }

        fn place(&self, draft: Draft, path: &str) -> Result<(), LakeError> {
            self.0.place(draft, path)
        }
    }
    let raced = Raced(&folder, Counter::new(true), entry("2024-06-02", 2));
    let path = manifest::path_of("2024-06-01");
    let committed = manifest::commit(&raced, &path, &[entry("2024-06-01", 1)]).unwrap();
    let rows: Vec<u64> = committed.files.iter().map(|file| file.rows).collect();
    assert_eq!(rows, [1, 2]);
    let replaced = manifest::commit(&folder, &path, &[entry("2024-06-02", 5)]).unwrap();
    assert_eq!(replaced.files.iter().map(|file| file.rows).collect::<Vec<_>>(), [1, 5]);
}
