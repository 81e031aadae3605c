#!/usr/bin/env python3
"""Turns service models into C++ tables of src/shapes/model.h. Python's standard library only.

    generate_models.py service aws_models/rds/service.json OUT.cc
    generate_models.py index OUT.cc SERVICE...
    generate_models.py cases VECTORS_FOLDER OUT.cc

The tables are constants: shapes, members and texts refer to each other by address, no code runs to set them up.
"""

import json
import pathlib
import sys

TYPES = {"structure": "kStructure", "list": "kList", "map": "kMap", "string": "kString", "character": "kString",
         "boolean": "kBoolean", "integer": "kInteger", "short": "kInteger", "byte": "kInteger", "long": "kLong",
         "float": "kFloat", "double": "kDouble", "blob": "kBlob", "timestamp": "kTimestamp"}
LOCATIONS = {"header": "kHeader", "headers": "kHeaderMap", "querystring": "kQuery", "uri": "kUri",
             "statusCode": "kStatusCode"}
TIMESTAMPS = {"iso8601": "kIso8601", "unixTimestamp": "kUnix", "rfc822": "kHttpDate"}
# What a client speaks when a service speaks several: the order of Amazon's own Python SDK.
PREFERENCE = ("json", "rest-json", "rest-xml", "smithy-rpc-v2-cbor", "query", "ec2")


def text(value):
    """A std::string_view literal of the UTF-8 bytes."""
    out = []
    for byte in value.encode():
        if chr(byte) in "\"\\?":
            out.append("\\" + chr(byte))
        elif 32 <= byte < 127:
            out.append(chr(byte))
        else:
            out.append(f"\\{byte:03o}")
    return '"' + "".join(out) + '"sv'


def fields(pairs):
    return "{" + ", ".join(f".{name} = {value}" for name, value in pairs if value is not None) + "}"


def opt_text(value):
    return text(value) if value else None


def flag(value):
    return "true" if value else None


def namespace_of(source):
    value = source.get("xmlNamespace") or {}
    return {"uri": value} if isinstance(value, str) else value


class Texts:
    """Runs of std::string_view in one array."""

    def __init__(self, name):
        self.name = name
        self.rows = []

    def add(self, values):
        if not values:
            return None
        start = len(self.rows)
        self.rows += [text(value) for value in values]
        return f"{{{self.name} + {start}, {len(values)}}}"


def emit_array(out, kind, name, rows):
    if rows:
        out.append(f"constinit const {kind} {name}[] = {{")
        out += [f"    {row}," for row in rows]
        out.append("};")


class ShapeTable:
    def __init__(self, shapes):
        self.shapes = shapes
        self.index = {name: position for position, name in enumerate(sorted(shapes))}
        self.arrays = []
        self.errors = []
        self.texts = Texts("kTexts")
        self.rows = [self.row(name, shapes[name]) for name in sorted(shapes)]

    def ref(self, name):
        return f"&kShapes[{self.index[name]}]"

    def member(self, name, member, required):
        target = self.shapes[member["shape"]]
        stamp = member.get("timestampFormat")
        space = namespace_of(member)
        return fields([
            ("name", text(name)), ("location_name", opt_text(member.get("locationName"))),
            ("query_name", opt_text(member.get("queryName"))), ("shape", self.ref(member["shape"])),
            ("location", f"Location::{LOCATIONS[member['location']]}" if "location" in member else None),
            ("timestamp_format", f"TimestampFormat::{TIMESTAMPS[stamp]}" if stamp else None),
            ("required", flag(required)), ("idempotency_token", flag(member.get("idempotencyToken"))),
            ("flattened", flag(member.get("flattened") or target.get("flattened"))),
            ("xml_attribute", flag(member.get("xmlAttribute"))), ("host_label", flag(member.get("hostLabel"))),
            ("json_value", flag(member.get("jsonvalue"))), ("xml_namespace_uri", opt_text(space.get("uri"))),
            ("xml_namespace_prefix", opt_text(space.get("prefix")))])

    def member_array(self, rows):
        self.arrays.append(rows)
        return f"kMembers{len(self.arrays) - 1}"

    def structure_members(self, shape):
        members = shape.get("members") or {}
        rows = [self.member(name, member, name in shape.get("required", ())) for name, member in members.items()]
        return self.member_array(rows) if rows else None

    def error(self, name, shape):
        if not shape.get("exception") and "error" not in shape:
            return None
        info = shape.get("error") or {}
        fault = shape.get("fault") or info.get("fault")
        self.errors.append(fields([
            ("code", text(info.get("code", name))), ("http_status", info.get("httpStatusCode", 0)),
            ("sender_fault", "false" if fault else None)]))
        return f"&kErrors[{len(self.errors) - 1}]"

    def row(self, name, shape):
        def one(key):
            return self.member_array([self.member(key, shape[key], False)]) if key in shape else None

        stamp = shape.get("timestampFormat")
        space = namespace_of(shape)
        return fields([
            ("name", text(name)), ("type", f"Type::{TYPES[shape['type']]}"),
            ("members", self.structure_members(shape)), ("item", one("member")), ("key", one("key")),
            ("value", one("value")), ("enum_values", self.texts.add(shape.get("enum"))),
            ("error", self.error(name, shape)), ("payload_member", opt_text(shape.get("payload"))),
            ("flattened", flag(shape.get("flattened"))), ("union_type", flag(shape.get("union"))),
            ("streaming", flag(shape.get("streaming"))),
            ("timestamp_format", f"TimestampFormat::{TIMESTAMPS[stamp]}" if stamp else None),
            ("has_min", flag("min" in shape)), ("has_max", flag("max" in shape)),
            ("min", repr(float(shape["min"])) if "min" in shape else None),
            ("max", repr(float(shape["max"])) if "max" in shape else None),
            ("pattern", opt_text(shape.get("pattern"))), ("location_name", opt_text(shape.get("locationName"))),
            ("xml_namespace", opt_text(space.get("uri"))), ("xml_namespace_prefix", opt_text(space.get("prefix"))),
            ("document", flag(shape.get("document"))), ("event_stream", flag(shape.get("eventstream"))),
            ("sensitive", flag(shape.get("sensitive")))])

    def declare(self, out):
        if self.rows:
            out.append(f"extern const Shape kShapes[{len(self.rows)}];")

    def emit(self, out):
        """Comes after all that refers to a shape, so that only addresses are known where they are taken."""
        emit_array(out, "std::string_view", "kTexts", self.texts.rows)
        emit_array(out, "ErrorInfo", "kErrors", self.errors)
        for number, rows in enumerate(self.arrays):
            emit_array(out, "Member", f"kMembers{number}", rows)
        if self.rows:
            out.append(f"constinit const Shape kShapes[{len(self.rows)}] = {{")
            out += [f"    {row}," for row in self.rows]
            out.append("};")


class OperationTable:
    def __init__(self, shapes, default_wrapper):
        self.shapes = shapes
        self.default_wrapper = default_wrapper
        self.error_refs = []
        self.rows = []

    def errors(self, operation):
        names = [error if isinstance(error, str) else error["shape"] for error in operation.get("errors", [])]
        if not names:
            return None
        start = len(self.error_refs)
        self.error_refs += [self.shapes.ref(name) for name in names]
        return f"{{kOperationErrors + {start}, {len(names)}}}"

    def add(self, operation):
        into, outof = operation.get("input", {}), operation.get("output", {})
        http = operation["http"]
        wrapper = outof.get("resultWrapper") or (operation["name"] + "Result" if self.default_wrapper else None)
        host_prefix = (operation.get("endpoint") or {}).get("hostPrefix")
        self.rows.append(fields([
            ("name", text(operation["name"])), ("http_method", text(http["method"])),
            ("request_uri", text(http["requestUri"])), ("success_status", http.get("responseCode", 200)),
            ("input", self.shapes.ref(into["shape"]) if into else None),
            ("output", self.shapes.ref(outof["shape"]) if outof else None), ("result_wrapper", opt_text(wrapper)),
            ("input_location_name", opt_text(into.get("locationName"))),
            ("input_xml_namespace", opt_text(namespace_of(into).get("uri"))), ("errors", self.errors(operation)),
            ("endpoint_prefix", opt_text(host_prefix)), ("endpoint_host", opt_text(operation.get("host"))),
            ("signing_region", opt_text(operation.get("signingRegion"))),
            ("unsigned_request", flag(operation.get("unsigned"))),
            ("checksum_required", flag(operation.get("checksumRequired") or operation.get("httpChecksumRequired")))]))
        return len(self.rows) - 1

    def emit(self, out):
        emit_array(out, "Shape* const", "kOperationErrors", self.error_refs)
        emit_array(out, "Operation", "kOperations", self.rows)


def protocol_names(metadata):
    protocols = metadata.get("protocols") or [metadata["protocol"]]
    json_name = "kJson10" if metadata.get("jsonVersion") == "1.0" else "kJson11"
    names = {"query": "kQuery", "ec2": "kEc2", "json": json_name, "rest-json": "kRestJson", "rest-xml": "kRestXml",
             "smithy-rpc-v2-cbor": "kCbor"}
    return [f"Protocol::{names[p]}" for p in PREFERENCE if p in protocols]


def pagination_rows(pagination, texts):
    return [fields([
        ("operation", text(name)), ("input_tokens", texts.add(entry["input_token"])),
        ("output_tokens", texts.add(entry["output_token"])), ("result_keys", texts.add(entry["result_key"])),
        ("limit_key", opt_text(entry.get("limit_key"))), ("more_results", opt_text(entry.get("more_results")))])
        for name, entry in pagination.items()]


def expected_text(value):
    return json.dumps(value) if isinstance(value, bool) else str(value)


def waiter_rows(waiters, acceptors):
    rows = []
    for name, waiter in waiters.items():
        start = len(acceptors)
        acceptors += [fields([
            ("state", text(a["state"])), ("matcher", text(a["matcher"])), ("argument", text(a.get("argument", ""))),
            ("expected", text(expected_text(a["expected"])))]) for a in waiter["acceptors"]]
        rows.append(fields([
            ("name", text(name)), ("operation", text(waiter["operation"])), ("delay_seconds", waiter["delay"]),
            ("max_attempts", waiter["maxAttempts"]),
            ("acceptors", f"{{kAcceptors + {start}, {len(acceptors) - start}}}")]))
    return rows


def span(name, rows):
    return f"{{{name}, {len(rows)}}}" if rows else None


def model_fields(service, metadata, extra):
    space = metadata.get("xmlNamespace") or ""
    return [
        ("service", text(service)), ("service_id", text(metadata.get("serviceId", service))),
        ("endpoint_prefix", text(metadata.get("endpointPrefix", ""))),
        ("signing_name", text(metadata.get("signingName") or metadata.get("endpointPrefix", ""))),
        ("api_version", text(metadata.get("apiVersion", ""))), ("target_prefix", text(metadata.get("targetPrefix", ""))),
        ("xml_namespace", text(space if isinstance(space, str) else space["uri"])),
        ("global_endpoint", opt_text(metadata.get("globalEndpoint"))), *extra[:4],
        ("query_compatible", flag("awsQueryCompatible" in metadata)), *extra[4:],
        ("host_template", opt_text(metadata.get("hostTemplate")))]


def header(namespace):
    return ["// Generated by tools/generate_models.py; do not edit.", '#include "shapes/model.h"', "",
            f"namespace leeward::shapes::{namespace} {{", "namespace {", "using namespace std::string_view_literals;", "}"]


def identifier(service):
    return "tables_" + "".join(c if c.isalnum() else "_" for c in service)


def generate_service(source, target):
    service = source.parent.name
    model = json.loads(source.read_text())
    metadata = model["metadata"]
    shapes = ShapeTable(model["shapes"])
    operations = OperationTable(shapes, "query" in (metadata.get("protocols") or [metadata["protocol"]]))
    for _, operation in sorted(model["operations"].items()):
        operations.add(operation)
    lists = Texts("kPageTexts")
    pages = pagination_rows(model["pagination"], lists)
    acceptors = []
    waiters = waiter_rows(model["waiters"], acceptors)
    others = [fields([("name", text(name)), ("http_method", text(op["method"])), ("request_uri", text(op["uri"]))])
              for name, op in sorted(model["unlisted"].items())]
    partitions = [fields([("partition", text(name)), ("host", text(entry["host"])),
                          ("signing_region", text(entry["region"]))])
                  for name, entry in metadata.get("partitionEndpoints", {}).items()]
    protocols = protocol_names(metadata)
    out = header(identifier(service))
    shapes.declare(out)
    operations.emit(out)
    shapes.emit(out)
    emit_array(out, "std::string_view", "kPageTexts", lists.rows)
    for kind, name, rows in (("Pagination", "kPaginations", pages), ("WaiterAcceptor", "kAcceptors", acceptors),
                             ("Waiter", "kWaiters", waiters), ("OtherOperation", "kOthers", others),
                             ("PartitionEndpoint", "kPartitions", partitions), ("Protocol", "kProtocols", protocols)):
        emit_array(out, kind, name, rows)
    extra = [("protocols", span("kProtocols", protocols)), ("operations", span("kOperations", operations.rows)),
             ("paginations", span("kPaginations", pages)), ("waiters", span("kWaiters", waiters)),
             ("other_operations", span("kOthers", others)), ("partition_endpoints", span("kPartitions", partitions))]
    out += ["extern const Model kModel;",
            f"constinit const Model kModel = {fields(model_fields(service, metadata, extra))};",
            f"}}  // namespace leeward::shapes::{identifier(service)}"]
    target.write_text("\n".join(out) + "\n")


def generate_index(target, services):
    services = sorted(services)
    out = ["// Generated by tools/generate_models.py; do not edit.", '#include "shapes/model.h"', "",
           "namespace leeward::shapes {"]
    out += [f"namespace {identifier(service)} {{ extern const Model kModel; }}" for service in services]
    out += ["namespace {", f"const Model* const kAll[] = {{"]
    out += [f"    &{identifier(service)}::kModel," for service in services]
    out += ["};", "}  // namespace", "std::span<const Model* const> AllModels() { return kAll; }",
            "const Model* FindModel(std::string_view service) {", "  for (const Model* model : kAll) {",
            "    if (model->service == service) return model;", "  }", "  return nullptr;", "}",
            "}  // namespace leeward::shapes"]
    target.write_text("\n".join(out) + "\n")


def generate_suite(out, prefix, number, suite):
    """One suite's shapes are shared by its cases; each case becomes a model of one operation."""
    metadata = suite["metadata"]
    namespace = f"suite_{number}"
    shapes = ShapeTable(suite["shapes"])
    operations = OperationTable(shapes, metadata["protocol"] == "query")
    for case in suite["cases"]:
        operations.add(case["given"])
    protocols = protocol_names(metadata)
    out.append(f"namespace {namespace} {{")
    shapes.declare(out)
    operations.emit(out)
    shapes.emit(out)
    emit_array(out, "Protocol", "kProtocols", protocols)
    rows = []
    for index in range(len(suite["cases"])):
        extra = [("protocols", span("kProtocols", protocols)), ("operations", f"{{kOperations + {index}, 1}}"),
                 ("paginations", None), ("waiters", None)]
        rows.append(fields(model_fields(f"{prefix}/{index}", metadata, extra)))
    emit_array(out, "Model", "kModels", rows)
    out.append(f"}}  // namespace {namespace}")
    return [f"&{namespace}::kModels[{index}]" for index in range(len(rows))]


def generate_cases(folder, target):
    out = ["// Generated by tools/generate_models.py; do not edit.", '#include "shapes/protocol_cases.h"', "",
           "namespace leeward::shapes {", "namespace {", "using namespace std::string_view_literals;", "}",
           "namespace protocol_cases {"]
    refs = []
    number = 0
    for path in sorted(folder.glob("protocols/*/*.json")):
        for position, suite in enumerate(json.loads(path.read_text())):
            if suite["cases"]:
                refs += generate_suite(out, f"{path.parent.name}/{path.stem}/{position}", number, suite)
                number += 1
    emit_array(out, "Model* const", "kCases", refs)
    found = bool(refs) or (folder / "sigv4").is_dir()
    out += ["}  // namespace protocol_cases", "std::span<const Model* const> ProtocolCaseModels() { return "
            + ("protocol_cases::kCases" if refs else "{}") + "; }",
            "const Model* FindProtocolCase(std::string_view name) {",
            "  for (const Model* model : ProtocolCaseModels()) {", "    if (model->service == name) return model;", "  }",
            "  return nullptr;", "}",
            f"std::string_view VectorsFolder() {{ return {text(str(folder) if found else '')}; }}",
            "}  // namespace leeward::shapes"]
    target.write_text("\n".join(out) + "\n")


def main(arguments):
    if len(arguments) == 4 and arguments[1] == "service":
        generate_service(pathlib.Path(arguments[2]), pathlib.Path(arguments[3]))
    elif len(arguments) > 3 and arguments[1] == "index":
        generate_index(pathlib.Path(arguments[2]), arguments[3:])
    elif len(arguments) == 4 and arguments[1] == "cases":
        generate_cases(pathlib.Path(arguments[2]), pathlib.Path(arguments[3]))
    else:
        print(__doc__, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
