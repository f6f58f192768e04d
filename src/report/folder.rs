//! The results folder: written whole or not at all, never over something that exists.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::files::Files;

/// Why results could not be placed.
#[derive(Debug, Error)]
pub enum FolderError {
    #[error(
        "{path} exists already, and results are never overwritten; \
         give another folder with -o, or move this one away"
    )]
    Exists { path: PathBuf },
    #[error("cannot write results to {path}")]
    Io { path: PathBuf, source: io::Error },
}

/// Where the results will go; checked before the simulation starts.
#[derive(Debug)]
pub struct Target {
    parent: PathBuf,
    name: String,
    /// A name we chose may get a suffix; one the user chose may not.
    chosen_by_user: bool,
}

impl Target {
    /// The folder that the user named.
    ///
    /// # Errors
    /// It exists already, or its parent cannot be made or written.
    pub fn exactly(path: &Path) -> Result<Target, FolderError> {
        let io = |source| FolderError::Io { path: path.to_owned(), source };
        if fs::symlink_metadata(path).is_ok() {
            return Err(FolderError::Exists { path: path.to_owned() });
        }
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| io(io::ErrorKind::InvalidFilename.into()))?;
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        probe(parent).map_err(io)?;
        Ok(Target { parent: parent.to_owned(), name: name.to_owned(), chosen_by_user: true })
    }

    /// A new folder `name` in the results root, which is made if needed.
    ///
    /// # Errors
    /// The root cannot be made or written.
    pub fn within(root: &Path, name: String) -> Result<Target, FolderError> {
        probe(root).map_err(|source| FolderError::Io { path: root.to_owned(), source })?;
        Ok(Target { parent: root.to_owned(), name, chosen_by_user: false })
    }

    /// Has `fill` write all files aside, then moves them into place at once.
    ///
    /// # Errors
    /// The target appeared in the meantime, or anything could not be written; nothing is left
    /// behind then.
    pub fn write(
        self,
        fill: impl FnOnce(&mut Files) -> io::Result<()>,
    ) -> Result<PathBuf, FolderError> {
        let intended = self.path(&self.name);
        let io = |source| FolderError::Io { path: intended.clone(), source };
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{}-", self.name);
        builder.prefix(&prefix);
        #[cfg(unix)]
        {
            // As mkdir does; tempfile's own default would hide the results from other users.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o777));
        }
        let temporary = builder.tempdir_in(&self.parent).map_err(io)?;
        let mut files = Files::into(temporary.path());
        fill(&mut files).and_then(|()| sync(temporary.path())).map_err(io)?;
        let path = self.place(temporary.path())?;
        // It is not there any more under its temporary name.
        let _ = temporary.keep();
        sync(&self.parent).map_err(io)?;
        if !self.chosen_by_user {
            point_latest(&self.parent, &path).map_err(io)?;
        }
        Ok(path)
    }

    /// As the user would write it, without a `./` in front.
    fn path(&self, name: &str) -> PathBuf {
        match self.parent.to_str() {
            Some(".") => PathBuf::from(name),
            _ => self.parent.join(name),
        }
    }

    /// Renames `from` to the first free name.
    ///
    /// A folder that appears between look and rename is not lost: rename replaces none but an
    /// empty one.
    fn place(&self, from: &Path) -> Result<PathBuf, FolderError> {
        for attempt in 1_u32.. {
            let path = match attempt {
                1 => self.path(&self.name),
                n => self.path(&format!("{}-{n}", self.name)),
            };
            if fs::symlink_metadata(&path).is_ok() {
                if self.chosen_by_user {
                    return Err(FolderError::Exists { path });
                }
                continue;
            }
            return match fs::rename(from, &path) {
                Ok(()) => Ok(path),
                Err(source) => Err(FolderError::Io { path, source }),
            };
        }
        unreachable!("some name is free")
    }
}

/// `<UTC time>-<campaign>-s<seed>-<6 digits of the scenario's identity>`.
pub fn folder_name(start: jiff::Timestamp, campaign: &str, seed: u64, scenario: &str) -> String {
    let time = start.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y%m%d-%H%M%S");
    let hash = scenario.get(..6).unwrap_or(scenario);
    format!("{time}-{}-s{seed}-{hash}", slug(campaign))
}

/// Lower-case letters and digits with single hyphens, at most 40 of them.
pub fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().map(|c| c.to_ascii_lowercase()) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(40);
    match slug.trim_end_matches('-') {
        "" => "campaign".to_owned(),
        slug => slug.to_owned(),
    }
}

/// Makes the folder if needed and finds out whether it can be written to.
fn probe(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    tempfile::Builder::new().prefix(".fleetstorm-").tempdir_in(folder)?.close()
}

#[cfg(unix)]
fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync(_folder: &Path) -> io::Result<()> {
    Ok(()) // Folders cannot be opened for that elsewhere.
}

/// Replaces the link `latest` at once; leaves alone what is not a link.
#[cfg(unix)]
fn point_latest(root: &Path, path: &Path) -> io::Result<()> {
    let link = root.join("latest");
    if fs::symlink_metadata(&link).is_ok_and(|m| !m.is_symlink()) {
        return Ok(());
    }
    let name = path.file_name().expect("a results folder has a name");
    let aside = root.join(format!(".latest-{}", std::process::id()));
    std::os::unix::fs::symlink(name, &aside)?;
    fs::rename(&aside, &link).inspect_err(|_| drop(fs::remove_file(&aside)))
}

#[cfg(not(unix))]
fn point_latest(_root: &Path, _path: &Path) -> io::Result<()> {
    Ok(()) // Links need rights elsewhere that a user often lacks.
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_file(files: &mut Files) -> io::Result<()> {
        files.write("a.txt", |w| w.write_all(b"hello"))
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_that_exists_is_refused_before_and_after_the_run() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("out");
        let target = Target::exactly(&path).unwrap();
        fs::create_dir(&path).unwrap();
        let message = Target::exactly(&path).unwrap_err().to_string();
        assert!(message.contains("never overwritten; give another folder with -o"), "{message}");
        assert!(matches!(target.write(one_file), Err(FolderError::Exists { .. })));
        assert_eq!(names(root.path()), ["out"]);
        assert!(names(&path).is_empty());
    }

    #[test]
    fn a_failed_write_leaves_nothing_behind() {
        let root = tempfile::tempdir().unwrap();
        let target = Target::within(root.path(), "run".into()).unwrap();
        let error = target.write(|files| {
            one_file(files)?;
            one_file(files)
        });
        let message = error.unwrap_err().to_string();
        assert!(message.starts_with("cannot write results to"), "{message}");
        assert!(names(root.path()).is_empty());
    }

    #[test]
    fn a_parent_that_is_a_file_is_refused_before_the_run() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        fs::write(&file, "").unwrap();
        assert!(matches!(Target::exactly(&file.join("out")), Err(FolderError::Io { .. })));
        assert!(matches!(Target::within(&file, "x".into()), Err(FolderError::Io { .. })));
        assert_eq!(names(root.path()), ["file"]);
    }

    #[test]
    fn a_taken_name_of_ours_gets_a_number() {
        let root = tempfile::tempdir().unwrap();
        for expected in ["run", "run-2", "run-3"] {
            let target = Target::within(root.path(), "run".into()).unwrap();
            assert_eq!(target.write(one_file).unwrap(), root.path().join(expected));
        }
        assert_eq!(fs::read_to_string(root.path().join("run/a.txt")).unwrap(), "hello");
    }

    #[cfg(unix)]
    #[test]
    fn latest_follows_and_the_results_are_readable_by_others() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        for name in ["one", "two"] {
            let target = Target::within(root.path(), name.into()).unwrap();
            let path = target.write(one_file).unwrap();
            assert_eq!(fs::read_link(root.path().join("latest")).unwrap(), Path::new(name));
            let plain = root.path().join(format!("{name}-plain"));
            fs::create_dir(&plain).unwrap();
            let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode();
            assert_eq!(mode(&path), mode(&plain));
        }
        let target = Target::exactly(&root.path().join("own")).unwrap();
        target.write(one_file).unwrap();
        assert_eq!(fs::read_link(root.path().join("latest")).unwrap(), Path::new("two"));
    }

    #[test]
    fn names_say_when_what_and_which_seed() {
        let start: jiff::Timestamp = "2027-11-01T06:07:08Z".parse().unwrap();
        let name = folder_name(start, "Gateway 4.1 -> 4.2, staged!", 42, "7f3ac1ffff");
        assert_eq!(name, "20271101-060708-gateway-4-1-4-2-staged-s42-7f3ac1");
        assert_eq!(slug("../é"), "campaign");
        assert_eq!(slug(&"abc ".repeat(40)).len(), 39);
    }
}
