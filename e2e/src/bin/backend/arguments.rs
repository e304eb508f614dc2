//! Arguments with one dash, as whoami's are.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    /// What it answers.
    pub(crate) name: String,
    pub(crate) port: u16,
    /// Of each answer.
    pub(crate) delay: Duration,
    /// For how long it accepts connections when it is told to end.
    pub(crate) linger: Duration,
}

impl Arguments {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self> {
        let mut parsed = Self {
            port: 80,
            ..Self::default()
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let name = argument.trim_start_matches('-');
            let (name, value) = match name.split_once('=') {
                Some((name, value)) => (name, value),
                None => (
                    name,
                    rest.next()
                        .with_context(|| format!("{argument} without a value"))?
                        .as_str(),
                ),
            };
            match name {
                "name" => value.clone_into(&mut parsed.name),
                "port" => parsed.port = value.parse().with_context(|| format!("{argument} {value}"))?,
                "delay" => parsed.delay = duration(value)?,
                "linger" => parsed.linger = duration(value)?,
                _ => bail!("{argument} is not known"),
            }
        }
        Ok(parsed)
    }
}

/// `5s` or `20ms`.
fn duration(text: &str) -> Result<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.trim_end_matches('s'), 1000),
    };
    let number: u64 = number
        .parse()
        .with_context(|| format!("{text} is no duration such as 5s or 20ms"))?;
    Ok(Duration::from_millis(number.saturating_mul(unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Arguments> {
        Arguments::parse(&text.split(' ').map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn whoamis_arguments_and_its_own_are_read() {
        let arguments = parse("-name svc1 -port 8080 --linger=5s -delay 20ms").unwrap();
        let expected = Arguments {
            name: "svc1".to_owned(),
            port: 8080,
            delay: Duration::from_millis(20),
            linger: Duration::from_secs(5),
        };
        assert_eq!(arguments, expected);
        for wrong in ["-name", "-port many", "-verbose true", "-delay soon"] {
            parse(wrong).unwrap_err();
        }
    }
}
