//! The `CustomResourceDefinition`s: schemas made from the types, and their files.
//!
//! They store whatever Traefik's own definitions store. Fields that they do not know are kept, never pruned,
//! and they set no defaults: a default in a schema would be written into the objects of people who may go back.

use kube::{CustomResourceExt, core::schema::OptionalIntOrString};
use schemars::{
    Schema, SchemaGenerator,
    generate::SchemaSettings,
    transform::{Transform, transform_subschemas},
};
use serde_json::{Value, json};

use super::{IngressRoute, ResourceKind, ServersTransport, TraefikService, yaml};

/// Mark on a property that names another spelling of it. Not part of a published schema.
pub(super) const ALIAS: &str = "x-weir-alias";

/// The `CustomResourceDefinition` of `kind`.
pub fn custom_resource(kind: ResourceKind) -> Value {
    let mut definition = json!(match kind {
        ResourceKind::IngressRoute => IngressRoute::crd(),
        ResourceKind::ServersTransport => ServersTransport::crd(),
        ResourceKind::TraefikService => TraefikService::crd(),
    });
    let mut schema = object_schema(kind);
    RemoveAliases.transform(&mut schema);
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema.to_value();
    definition
}

/// All `CustomResourceDefinition`s, in the order of their kinds.
pub fn custom_resources() -> Vec<Value> {
    ResourceKind::ALL.into_iter().map(custom_resource).collect()
}

/// The file name and the YAML text of each `CustomResourceDefinition`.
pub fn files() -> Vec<(String, String)> {
    ResourceKind::ALL
        .into_iter()
        .map(|kind| {
            let name = format!("traefik.io_{}.yaml", kind.plural());
            (name, yaml::to_string(&custom_resource(kind)))
        })
        .collect()
}

/// The schema of a whole object of `kind`, with the marks that [`ALIAS`] stands for.
pub(super) fn object_schema(kind: ResourceKind) -> Schema {
    let generator = SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(OptionalIntOrString)
        .with_transform(Tidy)
        .into_generator();
    let mut schema = root_schema(generator, kind);
    if let Some(Ok(spec)) = schema
        .pointer_mut("/properties/spec")
        .map(<&mut Schema>::try_from)
    {
        KeepUnknownFields.transform(spec);
    }
    schema
}

fn root_schema(generator: SchemaGenerator, kind: ResourceKind) -> Schema {
    match kind {
        ResourceKind::IngressRoute => generator.into_root_schema_for::<IngressRoute>(),
        ResourceKind::ServersTransport => generator.into_root_schema_for::<ServersTransport>(),
        ResourceKind::TraefikService => generator.into_root_schema_for::<TraefikService>(),
    }
}

/// Removes what only describes the Rust types, and lets descriptions flow.
#[derive(Debug, Clone)]
struct Tidy;

impl Transform for Tidy {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        schema.remove("title");
        if let Some(Value::String(description)) = schema.get_mut("description") {
            *description = unwrap_lines(description);
        }
    }
}

/// Joins the lines of each paragraph; their breaks are those of the source code.
fn unwrap_lines(text: &str) -> String {
    let paragraphs: Vec<_> = text
        .split("\n\n")
        .map(|paragraph| paragraph.replace('\n', " "))
        .collect();
    paragraphs.join("\n\n")
}

/// Marks every object of known fields, so that the API server stores unknown ones too.
///
/// A map (`additionalProperties`) has no unknown fields to begin with.
struct KeepUnknownFields;

impl Transform for KeepUnknownFields {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        if schema.get("properties").is_some() {
            schema.insert("x-kubernetes-preserve-unknown-fields".to_owned(), true.into());
        }
    }
}

/// Removes our own marks, which a `CustomResourceDefinition` must not carry.
struct RemoveAliases;

impl Transform for RemoveAliases {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        schema.remove(ALIAS);
    }
}
