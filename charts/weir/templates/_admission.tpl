{{/* The variable `problems` of an object, and those that it is made from, each with a prefix: dict of prefix and object. */}}
{{- define "weir.problems" -}}
{{- $object := .object -}}
{{- $own := printf "variables.%s" .prefix -}}
- name: {{ .prefix }}spec
  expression: >-
    {{ $object }} != null && has({{ $object }}.spec) && type(dyn({{ $object }}.spec)) == map ? dyn({{ $object }}.spec) : dyn({})
{{- range $field := list "weighted" "mirroring" }}
- name: {{ $.prefix }}{{ $field }}
  expression: >-
    has({{ $own }}spec.{{ $field }}) && type({{ $own }}spec.{{ $field }}) == map ? {{ $own }}spec.{{ $field }} : dyn({})
{{- end }}
- name: {{ .prefix }}mirrors
  expression: >-
    (has({{ $own }}mirroring.mirrors) && type({{ $own }}mirroring.mirrors) == list ? {{ $own }}mirroring.mirrors : dyn([])).filter(mirror,
    type(mirror) == map && has(mirror.name) && type(mirror.name) == string)
- name: {{ .prefix }}references
  expression: >-
    (has({{ $own }}weighted.services) && type({{ $own }}weighted.services) == list ? {{ $own }}weighted.services : dyn([])).filter(service,
    type(service) == map && has(service.name) && type(service.name) == string) +
    [{{ $own }}mirroring].filter(main, has(main.name) && type(main.name) == string) +
    {{ $own }}mirrors
- name: {{ .prefix }}types
  expression: >-
    ["weighted", "mirroring", "highestRandomWeight", "failover"].filter(field, field in {{ $own }}spec && {{ $own }}spec[field] != null)
- name: {{ .prefix }}problems
  expression: >-
    {{ $own }}references.filter(reference, reference.name.contains("@")).map(reference,
    "the name \"" + reference.name + "\" contains '@' (InvalidName)") +
    {{ $own }}references.filter(reference, has(reference.kind) && reference.kind == "TraefikService" &&
    reference.name == object.metadata.name && (!has(reference.namespace) || reference.namespace == null || reference.namespace == request.namespace)).map(reference,
    "it refers to itself (CycleDetected)") +
    {{ $own }}mirrors.filter(mirror, has(mirror.percent) && type(mirror.percent) == int &&
    (mirror.percent < 0 || mirror.percent > 100)).map(mirror,
    "mirror " + mirror.name + ": percent " + string(mirror.percent) + " is outside 0 to 100 (InvalidPercent)") +
    ({{ $object }} != null && size({{ $own }}types) == 0 ? ["it sets neither weighted nor mirroring (NoServiceType)"] : []) +
    (size({{ $own }}types) > 1 ? ["it sets " + {{ $own }}types.join(" and ") + ", of which there may be one (AmbiguousServiceType)"] : [])
{{- end }}
