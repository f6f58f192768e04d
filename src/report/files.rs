//! Files of the results folder, hashed while they are written.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Files being written into one folder, with their digests.
pub struct Files {
    folder: PathBuf,
    /// Where names begin, below the folder; empty, or a path that ends in "/".
    below: String,
    digests: Vec<(String, String)>,
}

impl Files {
    /// Writes into `folder`, which exists.
    pub fn into(folder: &Path) -> Files {
        Files { folder: folder.to_owned(), below: String::new(), digests: Vec::new() }
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
        let mut hashing = Hashing { inner: BufWriter::new(file), hash: Sha256::new() };
        fill(&mut hashing)?;
        let file = hashing.inner.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        self.digests.push((name, hex(&hashing.hash.finalize())));
        Ok(())
    }

    /// One hash over all files so far: SHA-256 of what `LC_ALL=C sha256sum * */*` prints, in the
    /// order of the names.
    pub fn fingerprint(&self) -> String {
        let mut sorted: Vec<_> = self.digests.iter().collect();
        sorted.sort();
        let listing: String =
            sorted.iter().map(|(name, hash)| format!("{hash}  {name}\n")).collect();
        sha256(listing.as_bytes())
    }
}

/// Hashes what passes through.
struct Hashing<W> {
    inner: W,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_that_of_the_sha256sum_listing() {
        let root = tempfile::tempdir().unwrap();
        let mut files = Files::into(root.path());
        files.write("b", |w| w.write_all(b"2")).unwrap();
        files.write("a", |w| w.write_all(b"1")).unwrap();
        let listing = format!("{}  a\n{}  b\n", sha256(b"1"), sha256(b"2"));
        assert_eq!(files.fingerprint(), sha256(listing.as_bytes()));
    }
}
