//! Which file a name stands for.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Loaded, Manifest, ModelFileError, load};
use crate::forecast::series::network::NAMED;

/// What model files end with.
const ENDINGS: [&str; 3] = ["json", "safetensors", "onnx"];

/// A model file in a folder, and what became of it.
#[derive(Debug)]
pub struct Found {
    /// What it is called by: the file's name without its ending.
    pub name: String,
    /// The file.
    pub file: PathBuf,
    /// The model, or why it is refused.
    pub loaded: Result<Loaded, ModelFileError>,
}

/// The model file that `name` stands for: a path, or the name of a file in `folder` without its ending; `None` when it stands
/// for none.
///
/// # Errors
/// [`ModelFileError::NoNamed`]: the name is one of the reference's, and there is no file.
pub fn find(name: &str, folder: &Path) -> Result<Option<PathBuf>, ModelFileError> {
    let path = Path::new(name);
    if path.components().count() > 1
        || path.extension().is_some_and(|ending| ENDINGS.iter().any(|known| ending == *known))
    {
        return Ok(Some(path.to_owned()));
    }
    let file = ENDINGS.iter().map(|ending| folder.join(format!("{name}.{ending}"))).find(|file| file.is_file());
    if file.is_none() && NAMED.contains(&name) {
        return Err(ModelFileError::NoNamed { name: name.to_owned(), folder: folder.to_owned() });
    }
    Ok(file)
}

/// Every model file of `folder`, by name; nothing when there is no such folder.
///
/// # Errors
/// [`ModelFileError::Read`]: the folder.
pub fn list(folder: &Path) -> Result<Vec<Found>, ModelFileError> {
    let failed = |source| ModelFileError::Read { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed(source)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if path.is_file() && ENDINGS.contains(&ending) && !Manifest::is_one(&path) {
            files.push(path);
        }
    }
    files.sort();
    let found = |file: PathBuf| Found {
        name: file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        loaded: load(&file),
        file,
    };
    Ok(files.into_iter().map(found).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forecast::series::Past;
    use crate::forecast::series::network::{Feature, named};
    use crate::forecast::series::trained::Parameters;

    fn drift() -> (Manifest, Vec<u8>) {
        let parameters = Parameters::Drift { closes: 10, belief: 1.0 };
        let content = serde_json::to_vec(&parameters).unwrap();
        (Manifest::of("drift", parameters.shape(), &content), content)
    }

    #[test]
    fn what_was_written_is_found_by_name_and_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let (manifest, content) = drift();
        let file = folder.path().join("sub").join("mine.json");
        manifest.write(&file, &content).unwrap();
        let home = file.parent().unwrap();
        assert_eq!(find("mine", home).unwrap().unwrap(), file);
        let loaded = load(&find(file.to_str().unwrap(), Path::new("/nowhere")).unwrap().unwrap()).unwrap();
        assert_eq!(loaded.manifest, manifest);
        let said = loaded.model.predict(Past::of_closes(&[1.0, 1.1]), 1).unwrap();
        assert!((said[0] - 1.21).abs() < 1e-9);
        assert_eq!(find("persistence", home).unwrap(), None);
        let names: Vec<String> = list(home).unwrap().into_iter().map(|found| found.name).collect();
        assert_eq!(names, ["mine"]);
        assert!(list(Path::new("/no/such/folder")).unwrap().is_empty());
    }

    #[test]
    fn what_disagrees_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let (manifest, content) = drift();
        let refused = |name: &str, manifest: &Manifest, content: &[u8]| {
            let file = folder.path().join(name);
            manifest.write(&file, content).unwrap();
            load(&file).unwrap_err().to_string()
        };
        let word =
            |error: String, word: &str| assert!(error.contains(word) && !error.contains('\n'), "{word}: {error}");
        word(refused("a.json", &manifest, b"{}"), "SHA-256");
        let other = Manifest { model: "ridge".to_owned(), ..manifest.clone() };
        word(refused("b.json", &other, &content), "`drift`, the other `ridge`");
        let mut wider = manifest.clone();
        wider.shape.features = vec![Feature::Close, Feature::High];
        word(refused("c.json", &wider, &content), "High");
        word(refused("d.json", &Manifest { format: 9, ..manifest.clone() }, &content), "format is 9");
        word(refused("model_v5_1.json", &manifest, &content), "stands for");
        let wild = br#"{"drift":{"closes":10,"belief":1e300}}"#;
        word(refused("e.json", &Manifest::of("drift", manifest.shape.clone(), wild), wild), "belief");
        let noise = b"not json";
        word(refused("f.json", &Manifest::of("drift", manifest.shape.clone(), noise), noise), "cannot be used");
        let file = folder.path().join("g.json");
        fs::write(&file, &content).unwrap();
        word(load(&file).unwrap_err().to_string(), "g.json.manifest.json is missing");
        word(load(&folder.path().join("h.json")).unwrap_err().to_string(), "h.json");
        word(find("model_v5_1", Path::new("/nowhere")).unwrap_err().to_string(), "model_v5_1.safetensors");
        let shape = || named("model_v4_1").unwrap();
        let runs = if cfg!(feature = "onnx") { "not a network" } else { "--features onnx" };
        word(refused("model_v4_1.onnx", &Manifest::of("onnx", shape(), b"x"), b"x"), runs);
        #[cfg(not(feature = "candle"))]
        word(
            refused("model_v4_1.safetensors", &Manifest::of("lstm", named("model_v4_1").unwrap(), b"x"), b"x"),
            "candle",
        );
        #[cfg(feature = "candle")]
        word(
            refused("model_v4_1.safetensors", &Manifest::of("lstm", named("model_v4_1").unwrap(), b"x"), b"x"),
            "weights",
        );
    }
}
