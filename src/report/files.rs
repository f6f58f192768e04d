//! Files of the results folder.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Files being written into one folder.
pub struct Files {
    folder: PathBuf,
    /// Where names begin, below the folder; empty, or a path that ends in "/".
    below: String,
}

impl Files {
    /// Writes into `folder`, which exists.
    pub fn into(folder: &Path) -> Files {
        Files { folder: folder.to_owned(), below: String::new() }
    }

    /// From now on names are those of files in a new folder of this name.
    ///
    /// # Errors
    /// It exists already or cannot be made.
    pub fn enter(&mut self, name: &str) -> io::Result<()> {
        std::fs::create_dir(self.folder.join(name))?;
        self.below = format!("{name}/");
        Ok(())
    }

    /// Back to the folder itself.
    pub fn leave(&mut self) {
        self.below.clear();
    }

    /// Writes one new file and flushes it to disk.
    ///
    /// # Errors
    /// The file exists already or cannot be written.
    pub fn write(
        &mut self,
        name: &str,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()> {
        let name = format!("{}{name}", self.below);
        let file = File::create_new(self.folder.join(&name))?;
        let mut writer = BufWriter::new(file);
        fill(&mut writer)?;
        writer.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
    }
}
