use auth_jose::VerifyError;
use auth_jose::bearer::Refusal;

/// Why a service was not let in: a closed list, for logs and metrics. Callers see a [`Refusal`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The token breaks a rule of form, key, signature or claims.
    #[error(transparent)]
    Token(#[from] VerifyError),
    /// A good token of a service that is not on the list of callers.
    #[error("the service may not call this one")]
    CallerNotAllowed,
    /// More than [`crate::MAX_CHAIN`] services stand between the first caller and this one.
    #[error("the chain of actors is too long")]
    ChainTooLong,
    /// The token was used before, and is for one use.
    #[error("the token was used before")]
    Replayed,
    /// No more tokens can be remembered, so that one used before could not be told from a new one.
    #[error("the store of used tokens is full")]
    ReplayStoreFull,
    /// The store of used tokens does not answer.
    #[error("the store of used tokens does not answer")]
    ReplayStoreUnavailable,
}

impl Refused {
    /// A stable name.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Token(error) => error.code(),
            Self::CallerNotAllowed => "caller_not_allowed",
            Self::ChainTooLong => "chain_too_long",
            Self::Replayed => "replayed",
            Self::ReplayStoreFull => "replay_store_full",
            Self::ReplayStoreUnavailable => "replay_store_unavailable",
        }
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Token(error) => error.into(),
            Refused::ChainTooLong | Refused::Replayed => Self::InvalidToken,
            Refused::CallerNotAllowed => Self::InsufficientScope,
            Refused::ReplayStoreFull | Refused::ReplayStoreUnavailable => Self::KeysUnavailable,
        }
    }
}
