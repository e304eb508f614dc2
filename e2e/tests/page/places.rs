//! Where a reference to a Service can stand, so that what an option does is asked of each place.

/// A place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// `routes[].services[]` of an IngressRoute.
    Route,
    /// `weighted.services[]`.
    Weighted,
    /// `mirroring` itself.
    Main,
    /// `mirroring.mirrors[]`.
    Mirror,
}

impl Place {
    pub const ALL: [Self; 4] = [Self::Route, Self::Weighted, Self::Main, Self::Mirror];
    /// Those that answer clients.
    pub const ANSWERING: [Self; 3] = [Self::Route, Self::Weighted, Self::Main];

    /// Manifests with a reference there to Service `apps/svc1`, with these fields in flow style; around it whatever makes requests
    /// for `example.com` get there. A mirror's main is Service `apps/main`.
    pub fn manifests(self, reference: &str) -> String {
        let to = |service: &str| {
            format!(
                "\
apiVersion: traefik.io/v1alpha1
kind: IngressRoute
metadata: {{name: web, namespace: apps}}
spec:
  entryPoints: [web]
  routes:
    - match: Host(`example.com`)
      services: [{{{service}}}]
---
"
            )
        };
        let service = |spec: String| {
            let route = to("name: subject, kind: TraefikService");
            format!(
                "\
{route}apiVersion: traefik.io/v1alpha1
kind: TraefikService
metadata: {{name: subject, namespace: apps}}
spec: {{{spec}}}
---
"
            )
        };
        match self {
            Self::Route => to(reference),
            Self::Weighted => service(format!("weighted: {{services: [{{{reference}}}]}}")),
            Self::Main => service(format!("mirroring: {{{reference}, mirrors: []}}")),
            Self::Mirror => {
                service(format!(
                    "mirroring: {{name: main, port: 80, maxBodySize: 1000, mirrors: [{{{reference}, percent: 100}}]}}"
                )) + &plain_service("main")
            }
        }
    }
}

/// A Service with one port, `http`.
pub fn plain_service(name: &str) -> String {
    service(name, "ports: [{name: http, port: 80}]")
}

/// A Service.
pub fn service(name: &str, spec: &str) -> String {
    format!(
        "\
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: apps}}
spec: {{{spec}}}
---
"
    )
}
