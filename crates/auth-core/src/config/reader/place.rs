//! Where a setting stands: the keys of the list, among them those of maps and lists, whose entries the
//! operator names or numbers.
//!
//! `user.additionalFields.<name>.type` is the `type` of every entry of a map, `secrets[].version` the
//! `version` of every entry of a list.

use super::Setting;

/// The key of one setting; in a map or list also which entry is meant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(super) pattern: &'static str,
    /// What stands for each `<..>` and `[]` of the pattern: a name, or a number from 0.
    pub(super) names: Vec<String>,
}

impl From<&'static str> for Key {
    fn from(pattern: &'static str) -> Self {
        Self { pattern, names: Vec::new() }
    }
}

/// A setting of one entry: `("user.additionalFields.<name>.type", "role")`.
impl From<(&'static str, &str)> for Key {
    fn from((pattern, name): (&'static str, &str)) -> Self {
        Self { pattern, names: vec![name.to_owned()] }
    }
}

/// A setting of an entry of an entry: `("providers.generic[].tokenUrlParams.<name>", "0", "audience")`.
impl From<(&'static str, &str, &str)> for Key {
    fn from((pattern, outer, inner): (&'static str, &str, &str)) -> Self {
        Self { pattern, names: vec![outer.to_owned(), inner.to_owned()] }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut names = self.names.iter();
        let steps: Vec<Step> = segments(self.pattern)
            .map(|segment| match (segment, names.len()) {
                (Segment::Name(name), _) => Step::Name(name.to_owned()),
                (Segment::AnyName(label), 0) => Step::Name(label.to_owned()),
                (Segment::AnyItem, 0) => Step::Item(0),
                (Segment::AnyName(_), _) => Step::Name(names.next().cloned().unwrap_or_default()),
                (Segment::AnyItem, _) => {
                    Step::Item(names.next().and_then(|index| index.parse().ok()).unwrap_or_default())
                }
            })
            .collect();
        f.write_str(&show(&steps))
    }
}

/// One part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    Name(&'static str),
    /// `<name>`: a name of the operator's.
    AnyName(&'static str),
    /// `[]`: an entry of a list.
    AnyItem,
}

/// One step from a file's root towards a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    Item(usize),
}

fn segments(pattern: &'static str) -> impl Iterator<Item = Segment> {
    pattern.split('.').flat_map(|part| {
        let (name, item) = match part.strip_suffix("[]") {
            Some(name) => (name, Some(Segment::AnyItem)),
            None => (part, None),
        };
        let name = if name.starts_with('<') { Segment::AnyName(name) } else { Segment::Name(name) };
        std::iter::once(name).chain(item)
    })
}

/// What a place in the file is to the list of settings.
#[derive(Debug, Default)]
pub(super) struct Meaning {
    /// The setting that stands exactly here.
    pub(super) setting: Option<Key>,
    /// The entry of a map or list that begins here.
    pub(super) entry: Option<Key>,
    /// The names that may follow.
    pub(super) members: Vec<&'static str>,
    /// Entries of a list may follow.
    pub(super) has_items: bool,
}

/// Looks a place up in the list of settings.
pub(super) fn meaning(settings: &[Setting], place: &[Step]) -> Meaning {
    let mut found = Meaning::default();
    for setting in settings {
        let Some(names) = names_at(setting.key, place) else { continue };
        let mut rest = segments(setting.key).skip(place.len());
        let next = rest.next();
        match next {
            None => found.setting = Some(Key { pattern: setting.key, names: names.clone() }),
            Some(Segment::AnyItem) => found.has_items = true,
            Some(Segment::Name(name) | Segment::AnyName(name)) if !found.members.contains(&name) => {
                found.members.push(name);
            }
            Some(Segment::Name(_) | Segment::AnyName(_)) => {}
        }
        let here = place.len().checked_sub(1).and_then(|at| segments(setting.key).nth(at));
        if let Some(Segment::AnyName(_) | Segment::AnyItem) = here {
            found.entry = Some(Key { pattern: first(setting.key, place.len()), names });
        }
    }
    found
}

/// The names that stand for the open parts of a pattern, if the pattern leads through `place`.
fn names_at(pattern: &'static str, place: &[Step]) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut parts = segments(pattern);
    for step in place {
        match (parts.next()?, step) {
            (Segment::Name(name), Step::Name(step)) if name == step => {}
            (Segment::AnyName(_), Step::Name(name)) => names.push(name.clone()),
            (Segment::AnyItem, Step::Item(index)) => names.push(index.to_string()),
            _ => return None,
        }
    }
    Some(names)
}

/// The first `count` parts of a pattern.
fn first(pattern: &'static str, count: usize) -> &'static str {
    let mut end = 0;
    for segment in segments(pattern).take(count) {
        end += match segment {
            Segment::Name(name) | Segment::AnyName(name) => name.len() + usize::from(end > 0),
            Segment::AnyItem => "[]".len(),
        };
    }
    pattern.get(..end).unwrap_or(pattern)
}

/// A place as a TOML file writes it: `rateLimit.customRules."/sign-in/*".max`.
pub(super) fn show(place: &[Step]) -> String {
    let mut out = String::new();
    for step in place {
        match step {
            Step::Item(index) => out.push_str(&format!("[{index}]")),
            Step::Name(name) => {
                if !out.is_empty() {
                    out.push('.');
                }
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_<>".contains(c);
                if !name.is_empty() && name.chars().all(is_plain) {
                    out.push_str(name);
                } else {
                    out.push_str(&format!("{name:?}"));
                }
            }
        }
    }
    out
}

/// The setting or section that `place` was probably meant to be: of the same depth, and close in spelling.
pub(super) fn nearest(settings: &[Setting], place: &[Step]) -> Option<String> {
    let given = show(place).to_lowercase();
    let limit = (given.chars().count() / 3).clamp(1, 3);
    settings
        .iter()
        .filter_map(|setting| {
            let mut parts = segments(setting.key);
            let steps: Option<Vec<Step>> = place
                .iter()
                .map(|step| match (parts.next()?, step) {
                    (Segment::Name(name), _) => Some(Step::Name(name.to_owned())),
                    (Segment::AnyName(_), Step::Name(_)) | (Segment::AnyItem, Step::Item(_)) => {
                        Some(step.clone())
                    }
                    (Segment::AnyName(_) | Segment::AnyItem, _) => None,
                })
                .collect();
            let candidate = show(&steps?);
            Some((distance(&given, &candidate.to_lowercase()), candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= limit)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, y) in row.iter_mut().skip(1).zip(b.chars()) {
            let above = *cell;
            let value = (diagonal + usize::from(x != y)).min(above + 1).min(left + 1);
            diagonal = above;
            left = value;
            *cell = value;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}
