//! What entry points say about each other.

use thiserror::Error;

use super::{EntryPoint, RedirectTarget};

/// Why entry points do not fit together.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ListError {
    /// Two entry points have one name.
    #[error("entry point {0} is there twice")]
    Double(String),
    /// A redirection leads nowhere.
    #[error(
        "entry point {from} redirects to {to}, which does not exist; there are {known}, or write a port as :443"
    )]
    NoTarget {
        /// What redirects.
        from: String,
        /// Where to.
        to: String,
        /// The names that there are.
        known: String,
    },
    /// A redirection leads to another one, perhaps back.
    #[error("entry point {from} redirects to {to}, which serves nothing but a redirect itself")]
    Chain {
        /// What redirects.
        from: String,
        /// Where to.
        to: String,
    },
}

/// Checks that names are there once and redirections lead to entry points that serve.
pub fn check(list: &[EntryPoint]) -> Result<(), ListError> {
    for (place, entry_point) in list.iter().enumerate() {
        let name = &entry_point.name;
        if list[..place].iter().any(|other| other.name == *name) {
            return Err(ListError::Double(name.clone()));
        }
        let to = match &entry_point.redirection {
            Some(redirection) => &redirection.to,
            None => continue,
        };
        let RedirectTarget::EntryPoint(to) = to else {
            continue;
        };
        let (from, to) = (name.clone(), to.clone());
        match list.iter().find(|other| other.name == to) {
            None => {
                let known: Vec<_> = list.iter().map(|other| other.name.as_str()).collect();
                let known = known.join(", ");
                return Err(ListError::NoTarget { from, to, known });
            }
            Some(target) if target.redirection.is_some() => return Err(ListError::Chain { from, to }),
            Some(_) => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(texts: &[&str]) -> Result<(), String> {
        let list: Vec<_> = texts.iter().map(|text| text.parse().unwrap()).collect();
        check(&list).map_err(|error| error.to_string())
    }

    #[test]
    fn a_redirection_leads_to_an_entry_point_that_serves() {
        let to = |name| format!("web=:80,http.redirections.entryPoint.to={name}");
        let secure = "websecure=:443,tls";
        assert_eq!(checked(&[&to("websecure"), secure]), Ok(()));
        assert_eq!(checked(&[&to(":8443")]), Ok(()));
        let nowhere = checked(&[&to("websecur"), secure]).unwrap_err();
        assert!(nowhere.contains("there are web, websecure"), "{nowhere}");
        let itself = checked(&[&to("web")]).unwrap_err();
        assert!(itself.contains("a redirect itself"), "{itself}");
        let circle = "websecure=:443,tls,http.redirections.entryPoint.to=web";
        assert!(checked(&[&to("websecure"), circle]).is_err());
    }

    #[test]
    fn a_name_is_there_once() {
        assert!(checked(&["a=:1", "b=:2", "a=:3"]).unwrap_err().contains("twice"));
    }
}
