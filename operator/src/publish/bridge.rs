//! From one config to the next without a gap.
//!
//! Objects are stored one after another. Were the endpoints that only the old config names to go first, then
//! proxies would be left without them until the new config comes, which may take a while if the API server
//! goes away in between. So they stay until the new config is stored.

use std::borrow::Cow;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use weir_model::document::{
    Config, Endpoints, SCHEMA, Secrets,
    text::{Document, TextError, read},
};

use super::{ObjectKind, Plan, PlannedObject, ReadError, Settings, previous::unpack};
use crate::compile::Compilation;

/// What is to be stored before the new config, in place of its own endpoints and key material: these, and
/// what the old config (`previous`) names in addition, as far as that is stored. Empty if that is nothing.
pub fn bridge(
    compilation: &Compilation,
    previous: &Config,
    stored: &[&Value],
    settings: &Settings,
) -> Result<Vec<PlannedObject>, TextError> {
    let Compilation {
        endpoints, secrets, ..
    } = compilation;
    // copied when there is something to add, which is rare
    let mut sets = Cow::Borrowed(&endpoints.sets);
    if previous.endpoint_sets().any(|id| !sets.contains_key(id)) {
        let old: Vec<Endpoints> = documents(stored, ObjectKind::ConfigMap);
        for id in previous
            .endpoint_sets()
            .filter(|id| !endpoints.sets.contains_key(*id))
        {
            let set = old.iter().find_map(|document| document.sets.get(id));
            sets.to_mut().extend(set.map(|set| (id.clone(), set.clone())));
        }
    }
    let mut entries = Cow::Borrowed(&secrets.entries);
    if previous.secrets().any(|id| !entries.contains_key(id)) {
        let old: Vec<Secrets> = documents(stored, ObjectKind::Secret);
        for id in previous.secrets().filter(|id| !secrets.entries.contains_key(*id)) {
            let entry = old.iter().find_map(|document| document.entries.get(id));
            entries
                .to_mut()
                .extend(entry.map(|entry| (id.clone(), entry.clone())));
        }
    }
    if sets.len() == endpoints.sets.len() && entries.len() == secrets.entries.len() {
        return Ok(Vec::new());
    }
    let mut plan = Plan::default();
    plan.add_tables(
        settings,
        &Endpoints {
            schema: SCHEMA,
            sets: sets.into_owned(),
        },
        &Secrets {
            entries: entries.into_owned(),
            schema: SCHEMA,
        },
    )?;
    // rather a gap than nothing at all
    let fits = plan.too_large().next().is_none();
    Ok(if fits { plan.objects } else { Vec::new() })
}

/// The documents of a type in stored objects. What cannot be read is left out: nobody can use it.
fn documents<D: Document>(stored: &[&Value], kind: ObjectKind) -> Vec<D> {
    let of_kind = stored
        .iter()
        .filter(|object| object.get("kind").and_then(Value::as_str) == Some(kind.as_str()));
    let files = of_kind.flat_map(|object| {
        ["data", "binaryData"].into_iter().flat_map(move |field| {
            let content = object.get(field).and_then(Value::as_object);
            let encoded = field == "binaryData" || kind == ObjectKind::Secret;
            content
                .into_iter()
                .flatten()
                .filter_map(move |(file, content)| Some((file.as_str(), content.as_str()?, encoded)))
        })
    });
    files
        .filter(|(file, ..)| file.starts_with(D::STEM))
        .filter_map(|(file, content, encoded)| Some(read(&text(file, content, encoded).ok()?).ok()?.0))
        .collect()
}

fn text(file: &str, content: &str, encoded: bool) -> Result<String, ReadError> {
    if file.strip_suffix(".gz").is_some() {
        unpack(content)
    } else if encoded {
        String::from_utf8(BASE64_STANDARD.decode(content)?).map_err(|_| ReadError::NoText)
    } else {
        Ok(content.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{
        publish::plan,
        status::testing::{made, route, service, weighted},
    };

    const SHARDED: u32 = 3;

    fn settings(shards: u32) -> Settings {
        Settings {
            endpoint_shards: shards,
            secret_shards: shards,
            ..Settings::new("edge", "weir")
        }
    }

    /// A route to a Service of this name, with a certificate.
    fn objects(name: &str) -> Vec<Value> {
        let pem = |text: &str| BASE64_STANDARD.encode(text);
        let mut route = route("web", 1, &["Host(`a.test`)"], "a");
        route["spec"]["tls"] = json!({ "secretName": name });
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
            "metadata": { "name": name, "namespace": "apps" },
            "data": { "tls.crt": pem(CERTIFICATE), "tls.key": pem(KEY) },
        });
        vec![service(name), weighted("a", 1, &[name]), route, secret]
    }

    // only their form is looked at
    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nMAMCAQE=\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMAMCAQE=\n-----END PRIVATE KEY-----\n";

    fn compiled(objects: &[Value], previous: &Config, settings: &Settings) -> (Compilation, Vec<Value>) {
        let made = made(objects, previous);
        let mut compilation = made.compilation;
        let plan = plan(&mut compilation, previous, &made.snapshot, settings)
            .unwrap()
            .unwrap();
        let stored = plan.objects.into_iter().map(|object| object.value).collect();
        (compilation, stored)
    }

    fn bridged(
        compilation: &Compilation,
        previous: &Config,
        stored: &[Value],
        settings: &Settings,
    ) -> Vec<Value> {
        let stored: Vec<&Value> = stored.iter().collect();
        let objects = bridge(compilation, previous, &stored, settings).unwrap();
        objects.into_iter().map(|object| object.value).collect()
    }

    fn ids(stored: &[Value]) -> (Vec<String>, Vec<String>) {
        let stored: Vec<&Value> = stored.iter().collect();
        let endpoints: Vec<Endpoints> = documents(&stored, ObjectKind::ConfigMap);
        let secrets: Vec<Secrets> = documents(&stored, ObjectKind::Secret);
        let mut sets: Vec<String> = endpoints
            .iter()
            .flat_map(|e| e.sets.keys())
            .map(|id| id.as_str().to_owned())
            .collect();
        sets.sort();
        let entries = secrets
            .iter()
            .flat_map(|s| s.entries.keys())
            .map(|id| id.as_str().to_owned());
        (sets, entries.collect())
    }

    #[test]
    fn what_only_the_old_config_names_stays_until_the_new_one_is_stored() {
        for shards in [1, SHARDED] {
            let settings = settings(shards);
            let (old, stored) = compiled(&objects("old"), &Config::default(), &settings);
            let (new, _) = compiled(&objects("new"), &old.config, &settings);
            let bridged = bridged(&new, &old.config, &stored, &settings);
            let (sets, mut entries) = ids(&bridged);
            entries.sort();
            assert_eq!(sets.len(), 2, "{sets:?}");
            assert_eq!(entries.len(), 2, "{entries:?}");
            assert!(sets.iter().all(|id| id.contains("old") || id.contains("new")));
            let configs = bridged
                .iter()
                .filter(|object| object["metadata"]["name"] == "weir-config");
            assert_eq!(configs.count(), 0);
        }
    }

    #[test]
    fn nothing_is_bridged_where_nothing_goes() {
        let settings = settings(1);
        let (old, stored) = compiled(&objects("old"), &Config::default(), &settings);
        let mut more = objects("old");
        more.extend([service("new"), weighted("b", 1, &["new"])]);
        let (new, _) = compiled(&more, &old.config, &settings);
        assert_eq!(
            bridged(&new, &old.config, &stored, &settings),
            Vec::<Value>::new()
        );
        // nor where it is not stored
        let (new, _) = compiled(&objects("new"), &old.config, &settings);
        assert_eq!(bridged(&new, &old.config, &[], &settings), Vec::<Value>::new());
    }
}
