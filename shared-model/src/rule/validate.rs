//! The checks on a tree that was read rather than built.

use super::matcher::header_name;
use super::{MAX_RULE_DEPTH, MAX_RULE_NODES, Matcher};

/// Why a tree is not a rule that the proxy may load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// More than [`MAX_RULE_DEPTH`] levels.
    #[error("the rule has more than {MAX_RULE_DEPTH} levels")]
    TooDeep,
    /// More than [`MAX_RULE_NODES`] nodes.
    #[error("the rule has more than {MAX_RULE_NODES} matchers and operators")]
    TooManyNodes,
    /// An operator with fewer than two children, inside one of its own kind, or `not` over an operator.
    #[error("the rule is not in its normal form")]
    NotNormal,
    /// An argument that no constructor would have let through.
    #[error("the rule has an unusable argument: `{0}`")]
    Argument(String),
}

impl Matcher {
    /// Checks bounds, normal form and arguments. Regular expressions are not compiled here: that is costly,
    /// and who needs them does it next.
    pub fn validate(&self) -> Result<(), InvalidRule> {
        let mut nodes = 0;
        self.validate_below(1, &mut nodes)
    }

    fn validate_below(&self, depth: usize, nodes: &mut usize) -> Result<(), InvalidRule> {
        *nodes += 1;
        if *nodes > MAX_RULE_NODES {
            return Err(InvalidRule::TooManyNodes);
        }
        if depth > MAX_RULE_DEPTH {
            return Err(InvalidRule::TooDeep);
        }
        self.validate_here()?;
        self.children()
            .iter()
            .try_for_each(|child| child.validate_below(depth + 1, nodes))
    }

    fn validate_here(&self) -> Result<(), InvalidRule> {
        let normal = match self {
            Self::All(children) => {
                children.len() > 1 && !children.iter().any(|child| matches!(child, Self::All(_)))
            }
            Self::Any(children) => {
                children.len() > 1 && !children.iter().any(|child| matches!(child, Self::Any(_)))
            }
            Self::Not(child) => !matches!(**child, Self::All(_) | Self::Any(_) | Self::Not(_)),
            _ => true,
        };
        if !normal {
            return Err(InvalidRule::NotNormal);
        }
        let (usable, argument) = match self {
            Self::Path(path) | Self::PathPrefix(path) => (path.starts_with('/'), path),
            Self::Method(method) => (Self::method(method).as_ref() == Ok(self), method),
            Self::Header { name, .. } | Self::HeaderRegexp { name, .. } => {
                (header_name(name).as_ref() == Ok(name), name)
            }
            Self::Query { key, .. } | Self::QueryRegexp { key, .. } => (!key.is_empty(), key),
            _ => return Ok(()),
        };
        if usable {
            Ok(())
        } else {
            Err(InvalidRule::Argument(argument.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Option<InvalidRule> {
        serde_json::from_str::<Matcher>(json).unwrap().validate().err()
    }

    fn nested(levels: usize) -> Matcher {
        let leaf = || Matcher::path("/a").unwrap();
        (1..levels).fold(leaf(), |inner, level| match level % 2 {
            0 => Matcher::All(vec![inner, leaf()]),
            _ => Matcher::Any(vec![inner, leaf()]),
        })
    }

    #[test]
    fn depth_is_bounded_and_the_deepest_rule_survives_json() {
        assert_eq!(nested(MAX_RULE_DEPTH + 1).validate(), Err(InvalidRule::TooDeep));
        let deepest = nested(MAX_RULE_DEPTH);
        deepest.validate().unwrap();
        let document = serde_json::json!({"routes": [{"route": {"match": deepest}}]});
        let text = serde_json::to_string(&document).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            document
        );
    }

    #[test]
    fn the_number_of_nodes_is_bounded() {
        let leaves = |count| Matcher::any((0..count).map(|n| Matcher::path(&format!("/{n}")).unwrap()));
        leaves(MAX_RULE_NODES - 1).validate().unwrap();
        assert_eq!(leaves(MAX_RULE_NODES).validate(), Err(InvalidRule::TooManyNodes));
    }

    #[test]
    fn trees_out_of_normal_form_are_refused() {
        for json in [
            r#"{"all":[]}"#,
            r#"{"any":[{"path":"/a"}]}"#,
            r#"{"all":[{"path":"/a"},{"all":[{"path":"/b"},{"path":"/c"}]}]}"#,
            r#"{"not":{"not":{"path":"/a"}}}"#,
            r#"{"not":{"any":[{"path":"/b"},{"path":"/c"}]}}"#,
        ] {
            assert_eq!(read(json), Some(InvalidRule::NotNormal), "{json}");
        }
    }

    #[test]
    fn arguments_that_could_never_match_are_refused() {
        for json in [
            r#"{"path":"a"}"#,
            r#"{"method":"get"}"#,
            r#"{"header":{"name":"X-A","value":"b"}}"#,
            r#"{"headerRegexp":{"name":"","pattern":"b"}}"#,
            r#"{"query":{"key":""}}"#,
        ] {
            assert!(matches!(read(json), Some(InvalidRule::Argument(_))), "{json}");
        }
    }
}
