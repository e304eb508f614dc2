//! What the walk lets pass can be read, and what it would have objects be like it lets pass.

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use weir_model::crd::{self, DeviationKind, ResourceKind};

use super::schema::schema_of;

/// Makes values along a schema, led by bytes, so that a failing case shrinks with them.
struct Builder {
    choices: std::vec::IntoIter<u8>,
    /// Whether values that do not fit are put in between.
    strange: bool,
}

impl Builder {
    /// A number below `bound`; 0 once the bytes are used up.
    fn choose(&mut self, bound: u8) -> u8 {
        self.choices.next().unwrap_or_default() % bound
    }

    fn value(&mut self, schema: &Value) -> Value {
        if self.strange && self.choose(16) == 15 {
            return self.strange_value();
        }
        if let Some(words) = schema.get("enum").and_then(Value::as_array) {
            let choice = self.choose(words.len() as u8);
            return words[usize::from(choice)].clone();
        }
        match schema.get("type").and_then(Value::as_str) {
            Some("object") => self.object(schema),
            Some("array") => (0..self.choose(3))
                .map(|_| self.value(&schema["items"]))
                .collect(),
            Some("integer") => json!(i64::from(self.choose(255)) - 100),
            Some("boolean") => json!(self.choose(2) == 1),
            Some("string") => json!(format!("{}s", self.choose(100))),
            _ if self.choose(2) == 0 => json!(self.choose(100)),
            _ => json!("5s"),
        }
    }

    fn object(&mut self, schema: &Value) -> Value {
        let mut object = Map::new();
        if let Some(values) = schema.get("additionalProperties") {
            for _ in 0..self.choose(3) {
                object.insert(format!("X-{}", self.choose(10)), self.value(values));
            }
        }
        let required = schema
            .get("required")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        for (name, property) in schema
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let is_required = required.iter().any(|field| field == name);
            if is_required || self.choose(3) == 1 {
                object.insert(name.clone(), self.value(property));
            } else if self.choose(10) == 1 {
                object.insert(name.clone(), Value::Null);
            }
        }
        if self.strange && self.choose(8) == 7 {
            let name = ["followRedirect", "Name", "x", "cookie", ""][usize::from(self.choose(5))];
            object.insert(name.to_owned(), self.strange_value());
        }
        Value::Object(object)
    }

    fn strange_value(&mut self) -> Value {
        match self.choose(9) {
            0 => Value::Null,
            1 => json!(true),
            2 => json!(u64::MAX),
            3 => json!(1.5),
            4 => json!("text"),
            5 => json!([]),
            6 => json!([{ "name": 1 }, null]),
            7 => json!({}),
            _ => json!({ "name": [], "cookie": {} }),
        }
    }
}

fn object(kind: ResourceKind, choices: Vec<u8>, strange: bool) -> Value {
    let schema = schema_of(kind);
    let mut builder = Builder {
        choices: choices.into_iter(),
        strange,
    };
    json!({ "spec": builder.value(&schema["properties"]["spec"]) })
}

fn parse(kind: ResourceKind, object: &Value) -> Result<(), serde_json::Error> {
    match kind {
        ResourceKind::IngressRoute => crd::parse_ingress_route(object).map(drop),
        ResourceKind::ServersTransport => crd::parse_servers_transport(object).map(drop),
        ResourceKind::TraefikService => crd::parse_traefik_service(object).map(drop),
    }
}

fn kinds() -> impl Strategy<Value = ResourceKind> {
    prop::sample::select(ResourceKind::ALL.to_vec())
}

proptest! {
    #[test]
    fn an_object_after_the_schema_has_no_deviations_and_can_be_read(
        kind in kinds(),
        choices in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let object = object(kind, choices, false);
        prop_assert_eq!(crd::deviations(kind, &object), []);
        prop_assert!(parse(kind, &object).is_ok());
    }

    #[test]
    fn an_object_that_cannot_be_read_has_a_deviation_that_says_why(
        kind in kinds(),
        choices in prop::collection::vec(any::<u8>(), 0..2000),
    ) {
        let object = object(kind, choices, true);
        if let Err(error) = parse(kind, &object) {
            let says_why = crd::deviations(kind, &object).iter().any(|deviation| {
                matches!(deviation.kind, DeviationKind::WrongType { .. } | DeviationKind::DuplicateField { .. })
            });
            prop_assert!(says_why, "{error}: {object}");
        }
    }
}
