//! Directories for tests, written as the operator's command line and as kubelet write them.

use std::{
    cell::Cell,
    fs,
    io::Write as _,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use weir_model::document::text::{self, Digest, Document};

/// A directory with documents.
pub(super) struct Dir {
    dir: TempDir,
    generation: Cell<u32>,
}

impl Dir {
    pub(super) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            generation: Cell::new(0),
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Replaces a plain file as a whole.
    pub(super) fn put(&self, name: &str, content: &str) {
        self.put_bytes(name, content.as_bytes());
    }

    /// The same, gzipped.
    pub(super) fn put_packed(&self, name: &str, content: &str) {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(content.as_bytes()).unwrap();
        self.put_bytes(name, &packer.finish().unwrap());
    }

    fn put_bytes(&self, name: &str, content: &[u8]) {
        let temporary = self.path().join(format!(".{name}.tmp"));
        fs::write(&temporary, content).unwrap();
        fs::rename(temporary, self.path().join(name)).unwrap();
    }

    /// Replaces a document's file.
    pub(super) fn put_document<D: Document>(&self, document: &D) {
        self.put(&format!("{}.json", D::STEM), &text_of(document));
    }

    pub(super) fn remove(&self, name: &str) {
        fs::remove_file(self.path().join(name)).unwrap();
    }

    /// Replaces all files by one swap of the link, then removes the old generation, as kubelet does.
    pub(super) fn mount(&self, files: &[(&str, &str)]) {
        self.generation.set(self.generation.get() + 1);
        let generation = PathBuf::from(format!("..2026_01_01_00_00_00.{:010}", self.generation.get()));
        fs::create_dir(self.path().join(&generation)).unwrap();
        for (name, content) in files {
            fs::write(self.path().join(&generation).join(name), content).unwrap();
        }
        let (link, temporary) = (self.path().join("..data"), self.path().join("..data_tmp"));
        let old = fs::read_link(&link).ok();
        symlink(&generation, &temporary).unwrap();
        fs::rename(&temporary, &link).unwrap();
        for (name, _) in files {
            // there already when it was part of the old generation
            let _ = symlink(Path::new("..data").join(name), self.path().join(name));
        }
        if let Some(old) = old {
            fs::remove_dir_all(self.path().join(old)).unwrap();
        }
    }
}

pub(super) fn text_of<D: Document>(document: &D) -> String {
    text::write(document).unwrap().0
}

/// An envelope with the right digest around any content.
pub(super) fn sealed(body: &str) -> String {
    format!(
        "{{\"digest\":\"{}\",\"document\":\n{body}\n}}\n",
        Digest::of(body.as_bytes())
    )
}
