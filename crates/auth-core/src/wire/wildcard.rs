//! Wildcard patterns, as upstream reads them in `trustedOrigins` and in the paths of `rateLimit.customRules`.

/// A text with `*` (any run of characters within a segment), `?` (one character) and `**` as a whole
/// segment (any number of segments).
#[derive(Clone, Debug)]
pub(crate) struct Wildcard(Vec<Vec<char>>);

impl Wildcard {
    /// Reads a pattern; every text is one.
    pub(crate) fn new(text: &str) -> Self {
        Self(segments(text))
    }

    /// Whether `text` as a whole fits.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let is_any = |segment: &Vec<char>| *segment == ['*', '*'];
        match_wild(&self.0, &segments(text), is_any, |segment, other| {
            match_wild(
                segment,
                other,
                |symbol| *symbol == '*',
                |symbol, character| *symbol == '?' || symbol == character,
            )
        })
    }
}

/// The parts between slashes; backslashes count as slashes, several as one.
fn segments(text: &str) -> Vec<Vec<char>> {
    let parts = text.split(['/', '\\']).filter(|part| !part.is_empty());
    parts.map(|part| part.chars().collect()).collect()
}

/// Matches `items` against `symbols`, where a symbol that `is_any` stands for any run of items.
///
/// Only the latest such symbol is ever tried again with a longer run: that is enough, and it keeps the
/// work within the product of both lengths.
fn match_wild<S, I>(
    symbols: &[S],
    items: &[I],
    is_any: impl Fn(&S) -> bool,
    fits: impl Fn(&S, &I) -> bool,
) -> bool {
    let (mut symbol_at, mut item_at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while let Some(item) = items.get(item_at) {
        match symbols.get(symbol_at) {
            Some(symbol) if is_any(symbol) => {
                symbol_at += 1;
                retry = Some((symbol_at, item_at));
            }
            Some(symbol) if fits(symbol, item) => {
                symbol_at += 1;
                item_at += 1;
            }
            _ => {
                let Some((after_any, run_end)) = retry else {
                    return false;
                };
                symbol_at = after_any;
                item_at = run_end + 1;
                retry = Some((after_any, item_at));
            }
        }
    }
    symbols.iter().skip(symbol_at).all(is_any)
}
