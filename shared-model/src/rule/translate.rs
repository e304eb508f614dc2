//! Go's regular expressions in the syntax of the `regex` crate.
//!
//! Both descend from RE2 and mostly agree. Where they do not, the same text would silently mean something else:
//! Go's `\d`, `\s`, `\w` and `\b` know ASCII only; `[`, `&&`, `--` and `~~` in a class are plain characters to
//! it, as is a `{` that starts no repetition, and `\<` and `\>`; it has `\Q…\E` and octal escapes. And what only
//! the crate has (`(?x)`, `\u{…}`, `{,n}`, …) must not work here, because Traefik would refuse it.
//!
//! The translation rewrites these; the `regex` crate judges the rest.

/// Translates `pattern`. The error says in one line what Go would not accept.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut translator = Translator {
        rest: pattern,
        out: String::with_capacity(pattern.len() + 16),
    };
    while let Some(character) = translator.next() {
        match character {
            '\\' => translator.escape()?,
            '[' => translator.class()?,
            '(' => translator.group()?,
            '{' if !is_repetition(translator.rest) => translator.out.push_str(r"\{"),
            other => translator.out.push(other),
        }
    }
    Ok(translator.out)
}

/// Go's Perl classes as the inside of a bracketed class.
const DIGIT: &str = "0-9";
const SPACE: &str = r"\t\n\f\r ";
const WORD: &str = "0-9A-Za-z_";

const POSIX_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space",
    "upper", "word", "xdigit",
];

struct Translator<'a> {
    rest: &'a str,
    out: String,
}

impl Translator<'_> {
    fn next(&mut self) -> Option<char> {
        let character = self.rest.chars().next()?;
        self.rest = &self.rest[character.len_utf8()..];
        Some(character)
    }

    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes everything before `end`, and `end`.
    fn until(&mut self, end: char) -> Option<&str> {
        let (taken, rest) = self.rest.split_once(end)?;
        self.rest = rest;
        Some(taken)
    }

    /// After a `(`.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        let Some(inside) = self.rest.strip_prefix('?') else {
            return Ok(());
        };
        let name = inside.strip_prefix('P').unwrap_or(inside).strip_prefix('<');
        let is_named = name.is_some_and(|name| !name.starts_with(['=', '!']));
        let has_flags = inside
            .trim_start_matches(['i', 'm', 's', 'U', '-'])
            .starts_with([':', ')']);
        if is_named || has_flags {
            return Ok(());
        }
        let shown: String = inside.chars().take(2).collect();
        Err(format!(
            "`(?{shown}` is not supported: look-around and further flags are not part of RE2"
        ))
    }

    /// After a `\` outside a class.
    fn escape(&mut self) -> Result<(), String> {
        for (escape, meaning) in [("b", r"(?-u:\b)"), ("B", r"(?-u:\B)"), ("A", r"\A"), ("z", r"\z")] {
            if self.eat(escape) {
                self.out.push_str(meaning);
                return Ok(());
            }
        }
        if self.eat("Q") {
            let (quoted, rest) = self.rest.split_once(r"\E").unwrap_or((self.rest, ""));
            self.out.extend(quoted.chars().map(literal));
            self.rest = rest;
        } else if let Some(set) = self.set()? {
            self.out.extend(["[", &set, "]"]);
        } else {
            let character = self.escaped_character()?;
            self.out.push_str(&literal(character));
        }
        Ok(())
    }

    /// After a `[`.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        if self.eat("^") {
            self.out.push('^');
        }
        let mut first = true;
        while first || !self.eat("]") {
            first = false;
            self.class_item()?;
        }
        self.out.push(']');
        Ok(())
    }

    /// A set, a character or a range of characters.
    fn class_item(&mut self) -> Result<(), String> {
        if let Some(name) = self
            .rest
            .strip_prefix("[:")
            .and_then(|inside| Some(inside.split_once(":]")?.0))
        {
            if !POSIX_CLASSES.contains(&name.trim_start_matches('^')) {
                return Err(format!("unknown class `[:{name}:]`"));
            }
            self.rest = &self.rest[name.len() + 4..];
            self.out.extend(["[:", name, ":]"]);
            return Ok(());
        }
        if let Some(escaped) = self.rest.strip_prefix('\\') {
            let before = std::mem::replace(&mut self.rest, escaped);
            if let Some(set) = self.set()? {
                self.out.push_str(&set);
                return Ok(());
            }
            self.rest = before;
        }
        let low = self.class_character()?;
        self.out.push_str(&literal(low));
        if self.rest.starts_with('-') && !self.rest.starts_with("-]") {
            self.rest = &self.rest[1..];
            let high = self.class_character()?;
            self.out.push('-');
            self.out.push_str(&literal(high));
        }
        Ok(())
    }

    fn class_character(&mut self) -> Result<char, String> {
        match self.next() {
            Some('\\') => self.escaped_character(),
            Some(character) => Ok(character),
            None => Err("a `[` is not closed".to_owned()),
        }
    }

    /// After a `\`: an escape that stands for a set, as the crate writes it inside brackets.
    fn set(&mut self) -> Result<Option<String>, String> {
        let Some(name) = self.rest.chars().next() else {
            return Ok(None);
        };
        let set = match name {
            'd' => DIGIT.to_owned(),
            's' => SPACE.to_owned(),
            'w' => WORD.to_owned(),
            'D' => format!("[^{DIGIT}]"),
            'S' => format!("[^{SPACE}]"),
            'W' => format!("[^{WORD}]"),
            'p' | 'P' => return self.unicode_class().map(Some),
            _ => return Ok(None),
        };
        self.rest = &self.rest[1..];
        Ok(Some(set))
    }

    /// `pN`, `p{Greek}`, `p{^Greek}` and the same with `P`.
    fn unicode_class(&mut self) -> Result<String, String> {
        let mut negated = self.next() == Some('P');
        let name = if self.eat("{") {
            self.until('}').map(str::to_owned)
        } else {
            self.next().map(String::from)
        };
        let name = name.ok_or("a `\\p` needs the name of a Unicode class")?;
        let (name, caret) = name
            .strip_prefix('^')
            .map_or((name.as_str(), false), |name| (name, true));
        negated ^= caret;
        Ok(format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' }))
    }

    /// After a `\`: an escape that stands for one character.
    fn escaped_character(&mut self) -> Result<char, String> {
        let character = self.next().ok_or("the expression ends with a lone `\\`")?;
        Ok(match character {
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self
                .hexadecimal()
                .ok_or("a `\\x` needs two hexadecimal digits, or some in braces")?,
            '0'..='7' => self.octal(character)?,
            punctuation if punctuation.is_ascii() && !punctuation.is_ascii_alphanumeric() => punctuation,
            other => return Err(format!("unknown escape `\\{other}`")),
        })
    }

    fn hexadecimal(&mut self) -> Option<char> {
        let digits = if self.eat("{") {
            self.until('}')?
        } else {
            let (digits, rest) = self.rest.split_at_checked(2)?;
            self.rest = rest;
            digits
        };
        let is_number = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| is_number)?)
    }

    /// Up to three octal digits; a single one that is not zero would be a back-reference.
    fn octal(&mut self, first: char) -> Result<char, String> {
        let is_octal = |byte: &u8| (b'0'..=b'7').contains(byte);
        let more = self.rest.bytes().take(2).take_while(is_octal).count();
        if first != '0' && more == 0 {
            return Err(format!("`\\{first}`: back-references are not part of RE2"));
        }
        let digits = format!("{first}{}", &self.rest[..more]);
        self.rest = &self.rest[more..];
        u32::from_str_radix(&digits, 8)
            .ok()
            .and_then(char::from_u32)
            .ok_or_else(|| format!("bad escape `\\{digits}`"))
    }
}

/// The character as itself, outside a class and inside.
fn literal(character: char) -> String {
    if character.is_ascii() && !character.is_ascii_alphanumeric() {
        format!("\\x{{{:X}}}", u32::from(character))
    } else {
        character.to_string()
    }
}

/// Whether the text after a `{` makes it a repetition: `n}`, `n,}` or `n,m}`.
fn is_repetition(rest: &str) -> bool {
    let Some((inside, _)) = rest.split_once('}') else {
        return false;
    };
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    !least.is_empty()
        && least
            .bytes()
            .chain(most.bytes())
            .all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Regex::new(&translate(pattern).unwrap()).unwrap().is_match(text)
    }

    #[track_caller]
    fn refused(pattern: &str) {
        let refused = translate(pattern).map_or(true, |translated| Regex::new(&translated).is_err());
        assert!(refused, "{pattern}");
    }

    #[test]
    fn ordinary_expressions_stay_as_they_are() {
        for pattern in [
            r"^/api/v[0-9]+/(?:users|groups)$",
            "a{2,3}?b*",
            "(?i)^(?P<name>x)(?<other>y)$",
        ] {
            let translated = translate(pattern).unwrap();
            assert_eq!(translated, pattern);
            assert!(Regex::new(&translated).is_ok());
        }
    }

    #[test]
    fn perl_classes_are_ascii() {
        assert!(matches(r"^\d$", "7") && !matches(r"^\d$", "٧"));
        assert!(matches(r"^\D$", "٧") && !matches(r"^\D$", "7"));
        assert!(matches(r"^[\w-]+$", "a-b_C") && !matches(r"^\w$", "é"));
        assert!(matches(r"^[^\W]$", "a") && !matches(r"^[^\W]$", "é"));
        assert!(matches(r"^\s$", "\t") && !matches(r"^\s$", "\u{b}") && !matches(r"^\s$", "\u{a0}"));
        assert!(matches(r"a\bé", "aé") && matches(r"é\Bü", "éü"));
    }

    #[test]
    fn brackets_ampersands_dashes_and_tildes_in_a_class_are_characters() {
        assert!(matches("^[a&&b]$", "&") && matches("^[a&&b]$", "a"));
        assert!(matches("^[[a]$", "[") && matches("^[a~~b]$", "~"));
        assert!(matches("^[a-]$", "-") && matches("^[+--]$", ","));
        assert!(matches("^[]a]$", "]") && !matches("^[^]a]$", "]"));
        assert!(matches("^[[:alpha:]_]$", "x") && matches("^[[:^alpha:]]$", "1"));
    }

    #[test]
    fn a_brace_that_repeats_nothing_is_a_character() {
        assert!(matches("^/{id}$", "/{id}") && matches("^a{,2}$", "a{,2}") && matches("^a{2}$", "aa"));
    }

    #[test]
    fn quoting_and_escapes_mean_what_they_mean_in_go() {
        assert!(matches(r"^\Qa.b[\E.$", "a.b[x") && !matches(r"^\Qa.b\E$", "axb"));
        assert!(matches(r"^\<\>\_\/$", "<>_/") && matches(r"^\x2F\x{2f}\057\0$", "///\0"));
        assert!(matches(r"^\pL\p{Greek}\P{^Greek}\p{^L}$", "aαα1"));
        assert!(matches(r"^[\x41-\x43\n]$", "B") && matches(r"^a\z", "a"));
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for pattern in [
            r"\C",
            r"\u{61}",
            r"\Z",
            r"\1",
            r"\é",
            r"a\",
            r"\x4",
            r"\p",
            "(?x)a",
            "(?=a)",
            "(?!a)",
            "(?<=a)",
            "(?<!a)",
            "(?P=n)",
            "[a",
            "[",
            "[b-a]",
            r"[a-\d]",
            r"[\b]",
            "[[:foo:]]",
            r"\p{Nothing}",
            "(a",
            "a)",
            "a{2,1}",
        ] {
            refused(pattern);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(pattern in r"[\\\[\]{}()?*+|^$&~:,.<>=!PpQEdDswWbxU0-9a-cé-]{0,24}") {
            drop(translate(&pattern));
        }
    }
}
