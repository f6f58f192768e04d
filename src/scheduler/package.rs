//! Packages that are tried on a few devices before they are rolled out (R14).

/// How far a package's verification has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    #[default]
    NotNeeded,
    Needed,
    Verified,
    Failed,
}

impl Verification {
    /// As the reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Verification::NotNeeded => "not-needed",
            Verification::Needed => "needed",
            Verification::Verified => "verified",
            Verification::Failed => "failed",
        }
    }

    /// Whether the package may be rolled out.
    pub fn allows_rollout(self) -> bool {
        matches!(self, Verification::NotNeeded | Verification::Verified)
    }

    /// After a verify campaign with these results; only if all succeeded the package is
    /// verified, and as long as some are open nothing is decided.
    pub fn after(self, targeted: u64, succeeded: u64, open: u64) -> Verification {
        match () {
            () if targeted > 0 && succeeded == targeted => Verification::Verified,
            () if open > 0 => self,
            () => Verification::Failed,
        }
    }
}
