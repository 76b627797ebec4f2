//! A lake in a folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::error::LakeError;
use super::store::{Draft, Store, Version};

/// What is on its way, below the lake: engines leave names with an underscore alone.
const DRAFTS: &str = "_drafts";

/// See the module. Held by one run at a time; what a run that was killed left behind is cleared by the next.
#[derive(Debug)]
pub struct Folder {
    root: PathBuf,
    /// The lock; it ends with the process, however that ends.
    _lock: File,
}

impl Folder {
    /// Takes a folder, which is made when it does not exist.
    ///
    /// # Errors
    /// [`LakeError::InUse`], [`LakeError::File`].
    pub fn open(root: &Path) -> Result<Self, LakeError> {
        let failed = |path: &Path, error: io::Error| LakeError::file(path.display().to_string(), error);
        let drafts = root.join(DRAFTS);
        fs::create_dir_all(&drafts).map_err(|error| failed(&drafts, error))?;
        let path = drafts.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| failed(&path, error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LakeError::InUse { place: root.display().to_string() }),
            Err(TryLockError::Error(error)) => return Err(failed(&path, error)),
        }
        let folder = Self { root: root.to_path_buf(), _lock: lock };
        folder.clear(&drafts).map_err(|error| failed(&drafts, error))?;
        Ok(folder)
    }

    /// Removes what a run that ended early was writing.
    fn clear(&self, drafts: &Path) -> io::Result<()> {
        for entry in fs::read_dir(drafts)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "draft") {
                tracing::info!(draft = %path.display(), "a file that an interrupted run left is removed");
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    fn begin(&self) -> Result<(File, PathBuf), LakeError> {
        let path = self.root.join(DRAFTS).join(format!("{}.draft", uuid::Uuid::new_v4()));
        let file = File::create_new(&path).map_err(|error| LakeError::file(path.display().to_string(), error))?;
        Ok((file, path))
    }

    /// Gives a file its name, so that it is there after a power cut as well.
    fn settle(&self, file: &File, from: &Path, path: &str) -> io::Result<()> {
        let to = self.root.join(path);
        let parent = to.parent().unwrap_or(&self.root);
        fs::create_dir_all(parent)?;
        file.sync_all()?;
        fs::rename(from, &to)?;
        File::open(parent)?.sync_all()
    }
}

impl Store for Folder {
    fn name(&self) -> String {
        self.root.display().to_string()
    }

    fn read(&self, path: &str) -> Result<Option<(Vec<u8>, Version)>, LakeError> {
        let path = self.root.join(path);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some((bytes, Version(String::new())))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(LakeError::file(path.display().to_string(), error)),
        }
    }

    /// Nobody else writes while this one holds the lock.
    fn replace(&self, path: &str, bytes: &[u8], _: Option<&Version>) -> Result<bool, LakeError> {
        let (mut file, draft) = self.begin()?;
        let written = file.write_all(bytes).and_then(|()| self.settle(&file, &draft, path));
        written.map(|()| true).map_err(|error| {
            // What cannot be removed now is cleared by the next run.
            let _ = fs::remove_file(&draft);
            LakeError::file(self.root.join(path).display().to_string(), error)
        })
    }

    fn draft(&self) -> Result<Draft, LakeError> {
        let (file, path) = self.begin()?;
        Ok(Draft { file, path: Some(path) })
    }

    fn place(&self, draft: Draft, path: &str) -> Result<(), LakeError> {
        let from = draft.path.as_deref().unwrap_or(&self.root);
        self.settle(&draft.file, from, path)
            .map_err(|error| LakeError::file(self.root.join(path).display().to_string(), error))
    }
}

impl Drop for Draft {
    /// Who gives up leaves nothing behind. After it was placed there is nothing of that name.
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_seen_by_nobody_until_it_is_whole_and_one_run_holds_the_lake() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        assert!(matches!(Folder::open(root.path()), Err(LakeError::InUse { .. })));
        let mut draft = folder.draft().unwrap();
        draft.file.write_all(b"rows").unwrap();
        assert!(!root.path().join("v1/a/day=x/a.parquet").exists());
        folder.place(draft, "v1/a/day=x/a.parquet").unwrap();
        assert_eq!(fs::read(root.path().join("v1/a/day=x/a.parquet")).unwrap(), b"rows");
        drop(folder.draft().unwrap());
        let left = |root: &Path| fs::read_dir(root.join(DRAFTS)).unwrap().count();
        assert_eq!(left(root.path()), 1, "the lock alone");
        drop(folder);
        fs::write(root.path().join(DRAFTS).join("killed.draft"), "half a fi").unwrap();
        drop(Folder::open(root.path()).unwrap());
        assert_eq!(left(root.path()), 1, "what a killed run left is gone");
    }

    #[test]
    fn small_files_are_replaced_and_what_cannot_be_written_is_named() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder::open(root.path()).unwrap();
        assert_eq!(folder.read("a/b.json").unwrap(), None);
        for text in ["one", "two"] {
            assert!(folder.replace("a/b.json", text.as_bytes(), None).unwrap());
            assert_eq!(folder.read("a/b.json").unwrap().unwrap().0, text.as_bytes());
        }
        fs::write(root.path().join("file"), "").unwrap();
        let error = folder.replace("file/b.json", b"x", None).unwrap_err().to_string();
        assert!(error.contains("file/b.json"), "{error}");
    }
}
