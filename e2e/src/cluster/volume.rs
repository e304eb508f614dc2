//! A directory that changes as kubelet changes the directory of a mounted volume.
//!
//! All files of one state are in one folder with the time in its name. `..data` links to it and is replaced by a rename,
//! so that a reader sees the old files or the new ones. What has a file's own name is a link through `..data`.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fs, io,
    os::unix::fs::symlink,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_tmp";

/// Contents by file name. (Kubernetes allows paths, too; weir uses none.)
pub type Files = BTreeMap<String, Vec<u8>>;

/// Makes the files those of the directory, and returns whether that changed anything.
pub fn write(directory: &Path, files: &Files) -> io::Result<bool> {
    let old = match fs::read_link(directory.join(DATA)) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    if let Some(old) = &old
        && read(&directory.join(old))? == *files
    {
        return Ok(false);
    }
    let folder = folder_name();
    fs::create_dir(directory.join(&folder))?;
    for (name, content) in files {
        fs::write(directory.join(&folder).join(name), content)?;
    }
    symlink(&folder, directory.join(NEW_DATA))?;
    fs::rename(directory.join(NEW_DATA), directory.join(DATA))?;

    let links = links(directory)?;
    for name in files
        .keys()
        .filter(|name| !links.contains(name.as_str().as_ref() as &std::ffi::OsStr))
    {
        symlink(Path::new(DATA).join(name), directory.join(name))?;
    }
    for name in &links {
        if !files.keys().any(|file| file.as_str() == name) {
            fs::remove_file(directory.join(name))?;
        }
    }
    if let Some(old) = old {
        fs::remove_dir_all(directory.join(old))?;
    }
    Ok(true)
}

fn read(folder: &Path) -> io::Result<Files> {
    let mut files = Files::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.insert(name, fs::read(entry.path())?);
    }
    Ok(files)
}

/// What is there under names of files.
fn links(directory: &Path) -> io::Result<BTreeSet<OsString>> {
    let names = fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name()));
    let names = names.collect::<io::Result<BTreeSet<_>>>()?;
    Ok(names
        .into_iter()
        .filter(|name| !name.to_string_lossy().starts_with(".."))
        .collect())
}

/// As unique as kubelet's, which has the date and a random number.
fn folder_name() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("..{}.{:09}", now.as_secs(), now.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(files: &[(&str, &str)]) -> Files {
        let files = files.iter();
        files
            .map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec()))
            .collect()
    }

    /// All names in the directory, the folder with the time in its name as `..time`.
    fn names(directory: &Path) -> Vec<String> {
        let names = fs::read_dir(directory).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names
            .map(|name| {
                if name.starts_with("..1") {
                    "..time".to_owned()
                } else {
                    name
                }
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn files_come_change_and_go_through_one_link() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert!(write(path, &files(&[("a", "1"), ("b", "1")])).unwrap());
        assert_eq!(names(path), ["..data", "..time", "a", "b"]);
        assert_eq!(fs::read_link(path.join("a")).unwrap(), Path::new("..data/a"));
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "1");
        let first = fs::canonicalize(path.join(DATA)).unwrap();

        assert!(write(path, &files(&[("a", "2"), ("c", "2")])).unwrap());
        assert_eq!(names(path), ["..data", "..time", "a", "c"]);
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "2");
        assert_ne!(fs::canonicalize(path.join(DATA)).unwrap(), first);
        assert!(!first.exists());
    }

    #[test]
    fn the_same_files_change_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        assert!(write(path, &Files::new()).unwrap());
        assert!(!write(path, &Files::new()).unwrap());
        assert!(write(path, &files(&[("a", "1")])).unwrap());
        let first = fs::read_link(path.join(DATA)).unwrap();
        assert!(!write(path, &files(&[("a", "1")])).unwrap());
        assert_eq!(fs::read_link(path.join(DATA)).unwrap(), first);
    }
}
