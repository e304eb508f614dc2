//! Files that are written whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

/// Files of one folder that appear together: all are written beside their places first, then moved there.
pub(super) struct Batch {
    folder: PathBuf,
    /// Where each one is, and what it will be called.
    written: Vec<(PathBuf, PathBuf)>,
}

impl Batch {
    /// Files for a folder, which is made if it is not there.
    pub fn new(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            written: Vec::new(),
        })
    }

    /// Writes a file of that name with this mode beside its place.
    pub fn write(&mut self, name: &str, content: &[u8], mode: u32) -> io::Result<()> {
        let place = self.folder.join(name);
        let beside = self.folder.join(format!(".{name}.{}", std::process::id()));
        // what an earlier process of this number left behind may have another mode
        let _ = fs::remove_file(&beside);
        self.written.push((beside.clone(), place));
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&beside)?;
        file.write_all(content)?;
        file.sync_all()
    }

    /// Moves all files to their places, in the order of writing.
    pub fn finish(mut self) -> io::Result<()> {
        for (beside, place) in &self.written {
            fs::rename(beside, place)?;
        }
        self.written.clear();
        File::open(&self.folder)?.sync_all()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        for (beside, _) in &self.written {
            // best effort: the error that brought us here is the one to report
            let _ = fs::remove_file(beside);
        }
    }
}
