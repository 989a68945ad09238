//! What is withdrawn, as the members of one sorted set of Redis, so that it is lost as a whole or not at all.
//!
//! | member | score |
//! |---|---|
//! | `k:KID`, `s:SID`, `j:JTI`, `u:SUB` | when the entry may be forgotten, in seconds |
//! | `<u:SUB` | minus the time before which the subject's tokens were issued |
//! | `?` and one of the first four | an entry of this name may be about to come: when that is over |
//! | `head` | minus the number up to which every entry is here |

use redis::{Cmd, cmd};

use super::store::Entry;
use super::{Claims, Revoked};

/// Which number the set reaches.
pub(super) const HEAD: &str = "head";

/// How long a set that nobody writes to is kept, in seconds.
const KEPT: i64 = 86_400;

/// Adds the entries after one number up to another, if the set reaches the first, and removes what has expired.
/// Answers how far the set reaches then, or -1 if it has become too large and is removed.
const APPEND: &str = r"
local key, from, to, now, most, kept = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]), ARGV[5]
local head = -tonumber(redis.call('ZSCORE', key, 'head') or '0')
if head < from then return head end
for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, '(0', now, 'LIMIT', 0, 1000)) do
  redis.call('ZREM', key, member, '<' .. member)
end
if redis.call('ZCARD', key) + (#ARGV - 5) / 2 > most then
  redis.call('DEL', key)
  return -1
end
for i = 6, #ARGV, 2 do
  local newer = string.sub(ARGV[i + 1], 1, 1) == '<' and 'LT' or 'GT'
  redis.call('ZADD', key, newer, ARGV[i], ARGV[i + 1])
end
if to > head then
  redis.call('ZADD', key, '-' .. ARGV[2], 'head')
  head = to
end
redis.call('EXPIRE', key, kept)
return head
";

impl Revoked {
    fn member(&self) -> String {
        match self {
            Self::Key(kid) => format!("k:{kid}"),
            Self::Session(sid) => format!("s:{sid}"),
            Self::Subject { sub, .. } => format!("u:{sub}"),
            Self::Token(jti) => format!("j:{jti}"),
        }
    }
}

/// Marks names that may be withdrawn in a moment.
pub(super) fn doubt(key: &str, what: &[Revoked], until: i64) -> Cmd {
    let mut command = cmd("ZADD");
    command.arg(key).arg("GT");
    for revoked in what {
        command.arg(until).arg(format!("?{}", revoked.member()));
    }
    command
}

/// Adds every entry that still matters with a number greater than `from`, up to `to`.
pub(super) fn append(key: &str, (from, to): (i64, i64), entries: &[Entry], most: usize, now: i64) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(APPEND).arg(1).arg(key).arg(from).arg(to).arg(now).arg(most).arg(KEPT);
    for entry in entries {
        let member = entry.what.member();
        if let Revoked::Subject { issued_before, .. } = &entry.what {
            // Below zero, where nothing expires.
            command.arg(-(*issued_before).max(1)).arg(format!("<{member}"));
        }
        command.arg(entry.expires_at).arg(member);
    }
    command
}

/// Asks how far the set reaches.
pub(super) fn head(key: &str) -> Cmd {
    let mut command = cmd("ZSCORE");
    command.arg(key).arg(HEAD);
    command
}

/// What the set says about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Withdrawn,
    /// Perhaps in a moment, or a moment ago.
    InDoubt,
    /// Nothing, as far as the set reaches.
    Nothing {
        head: i64,
    },
}

impl Claims<'_> {
    /// The members that could withdraw this token.
    fn members(&self) -> Vec<String> {
        let named = |kind: char, name: Option<&str>| name.map(|name| format!("{kind}:{name}"));
        let others = [named('k', self.kid), named('j', self.jti), named('s', self.sid)];
        others.into_iter().flatten().collect()
    }

    /// Asks for everything that decides about this token.
    pub(super) fn question(&self, key: &str) -> Cmd {
        let subject = format!("u:{}", self.sub);
        let mut command = cmd("ZMSCORE");
        command.arg(key).arg(HEAD).arg(format!("<{subject}"));
        for member in std::iter::once(subject).chain(self.members()) {
            command.arg(format!("?{member}")).arg(member);
        }
        command
    }

    /// Reads the answer to [`Self::question`]; nothing if it is one to something else.
    pub(super) fn read(&self, scores: &[Option<f64>]) -> Option<Found> {
        let [head, before, names @ ..] = scores else { return None };
        if names.len() != 2 * (1 + self.members().len()) {
            return None;
        }
        let (pairs, _) = names.as_chunks::<2>();
        let [[_, subject], others @ ..] = pairs else { return None };
        let is_older = match (subject, before) {
            (Some(_), Some(before)) => self.issued_at.is_none_or(|at| at < whole(-before)),
            (Some(_), None) => return None,
            (None, _) => false,
        };
        Some(if is_older || others.iter().any(|[_, entry]| entry.is_some()) {
            Found::Withdrawn
        } else if pairs.iter().any(|[doubt, _]| doubt.is_some()) {
            Found::InDoubt
        } else {
            Found::Nothing { head: head.map_or(0, |head| whole(-head)) }
        })
    }
}

/// A score that was written from a whole number.
#[expect(
    clippy::cast_possible_truncation,
    reason = "numbers stay below 2^53, where every one has a score of its own"
)]
pub(super) fn whole(score: f64) -> i64 {
    score as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Claims<'_> =
        Claims { kid: Some("K"), jti: Some("J"), sid: Some("S"), sub: "U", issued_at: Some(10) };

    /// What the set says that has these members besides `head`.
    fn found(token: &Claims<'_>, head: Option<f64>, members: &[(&str, f64)]) -> Option<Found> {
        let question = token.question("key").args_iter().skip(2).map(text).collect::<Vec<_>>();
        let score = |name: &String| match name.as_str() {
            HEAD => head,
            name => members.iter().find(|(member, _)| *member == name).map(|(_, score)| *score),
        };
        token.read(&question.iter().map(score).collect::<Vec<_>>())
    }

    fn text(argument: redis::Arg<&[u8]>) -> String {
        match argument {
            redis::Arg::Simple(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_kind_of_entry_withdraws_and_its_doubt_is_seen() {
        for name in ["k:K", "j:J", "s:S"] {
            assert_eq!(found(&TOKEN, Some(-7.0), &[(name, 1.0)]), Some(Found::Withdrawn), "{name}");
            let (entry, doubt) = ((name, 1.0), format!("?{name}"));
            assert_eq!(found(&TOKEN, Some(-7.0), &[(&doubt, 1.0)]), Some(Found::InDoubt), "{doubt}");
            assert_eq!(found(&TOKEN, None, &[(&doubt, 1.0), entry]), Some(Found::Withdrawn), "{doubt}");
        }
        assert_eq!(found(&TOKEN, Some(-7.0), &[("?u:U", 1.0)]), Some(Found::InDoubt));
        for name in ["k:J", "j:S", "s:U", "u:K", "k:k", "?s:K", "<u:S"] {
            assert_eq!(
                found(&TOKEN, Some(-7.0), &[(name, -1.0)]),
                Some(Found::Nothing { head: 7 }),
                "{name}"
            );
        }
    }

    #[test]
    fn a_subject_is_withdrawn_up_to_a_time() {
        let subject = |before: f64| [("u:U", 99.0), ("<u:U", before)];
        assert_eq!(found(&TOKEN, Some(-7.0), &subject(-11.0)), Some(Found::Withdrawn));
        assert_eq!(found(&TOKEN, Some(-7.0), &subject(-10.0)), Some(Found::Nothing { head: 7 }));
        let timeless = Claims { issued_at: None, ..TOKEN };
        assert_eq!(found(&timeless, Some(-7.0), &subject(-1.0)), Some(Found::Withdrawn));
        assert_eq!(
            found(&TOKEN, Some(-7.0), &[("u:U", 99.0)]),
            None,
            "half of it is lost: not to be relied on"
        );
        assert_eq!(
            found(&TOKEN, Some(-7.0), &[("<u:U", -11.0)]),
            Some(Found::Nothing { head: 7 }),
            "expired"
        );
    }

    #[test]
    fn an_empty_set_reaches_nowhere() {
        assert_eq!(found(&TOKEN, None, &[]), Some(Found::Nothing { head: 0 }));
        let nameless = Claims { kid: None, jti: None, sid: None, sub: "U", issued_at: None };
        assert_eq!(
            found(&nameless, Some(-1_893_456_000_000_001.0), &[]),
            Some(Found::Nothing { head: 1_893_456_000_000_001 })
        );
    }

    #[test]
    fn an_answer_to_something_else_says_nothing() {
        for scores in
            [&[][..], &[Some(-7.0)], &[Some(-7.0), None], &[Some(-7.0), None, None], &[None; 9], &[None; 11]]
        {
            assert_eq!(TOKEN.read(scores), None, "{scores:?}");
        }
    }
}
