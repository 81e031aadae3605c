"""How expressions are refused: their syntax, names and values, functions and operands, in DynamoDB's words."""

import re

from harness import UNKNOWN, Case, N, S, main, refusals, set_up


def setUpModule():
    set_up("Hash", "Range")


class Expressions(Case):
    """Table-driven; the rows are below. No request gets as far as an item."""


VALUES = {":s": S("text"), ":t": S("text2"), ":n": N(5), ":m": N(9), ":b": {"B": "Yg=="}, ":t1": {"BOOL": True},
          ":u": {"NULL": True},
          ":ss": {"SS": ["a"]}, ":ns": {"NS": ["1"]}, ":bs": {"BS": ["Yg=="]}, ":l": {"L": [N(1)]}, ":o": {"M": {"a": N(1)}}}
NAMES = {"#a": "a", "#p": "pk", "#d": "a.b", "#r": "size"}


def used(text, all_values=None):
    """The placeholders that `text` names, so that none is left over."""
    values = {name: value for name, value in (all_values or VALUES).items() if re.search(re.escape(name) + r"(?!\w)", text)}
    names = {name: value for name, value in NAMES.items() if re.search(re.escape(name) + r"(?!\w)", text)}
    return {**({"ExpressionAttributeValues": values} if values else {}), **({"ExpressionAttributeNames": names} if names else {})}


KEY = {"TableName": "Hash", "Key": {"pk": S("absent")}}


def condition(text):
    return {**KEY, "ConditionExpression": text, **used(text)}


def update(text):
    return {**KEY, "UpdateExpression": text, **used(text)}


def said(parameter, what):
    return f"Invalid {parameter}: {what}" if isinstance(what, str) else re.compile(f"Invalid {parameter}: {what.pattern}",
                                                                                   re.DOTALL)


def syntax(token, near=None):
    """Where `near` is not given, how much of the text is shown is not asserted."""
    if near is not None:
        return f'Syntax error; token: "{token}", near: "{near}"'
    return re.compile(rf'Syntax error; token: "{re.escape(token)}", near: "[^"]*.*"')


def reserved(word):
    return f"Attribute name is a reserved keyword; reserved keyword: {word}"


def undefined_value(name):
    return f"An expression attribute value used in expression is not defined; attribute value: {name}"


def undefined_name(name):
    return f"An expression attribute name used in the document path is not defined; attribute name: {name}"


def function(name):
    return f"Invalid function name; function: {name}"


def elsewhere(name, where):
    """Two wordings are known for a function of the other kind of expression."""
    return re.compile(rf"The function is not allowed (in {where} expression|to be used this way in an expression); function: {name}")


def misused(name):
    return f"The function is not allowed to be used this way in an expression; function: {name}"


def count(name, number):
    return f"Incorrect number of operands for operator or function; operator or function: {name}, number of operands: {number}"


def operand(name, kind):
    return f"Incorrect operand type for operator or function; operator or function: {name}, operand type: {kind}"


def distinct(name, path):
    return f"The first operand must be distinct from the remaining operands for this operator or function; operator: {name}, first operand: {path}"


def pathless(name):
    return f"Operator or function requires a document path; operator or function: {name}"


EMPTY = "The expression can not be empty;"
PARENTHESES = "The expression has redundant parentheses;"
CONDITIONS = [
    ("empty", "", EMPTY),
    ("blanks", "   ", syntax("<EOF>")),
    ("a name alone", "a", syntax("<EOF>", "a")),
    ("no right side", "a =", syntax("<EOF>")),
    ("no left side", "= :s", syntax("=", "= :s")),
    ("no operator", "a :s", syntax(":s", "a :s")),
    ("two equals", "a == :s", syntax("=", "== :s")),
    ("an operator of other languages", "a != :s", syntax("!", "a !=")),
    ("a number", "a = 5", syntax("5", "= 5")),
    ("a quoted text", 'a = "x"', syntax('"', None)),
    ("an apostrophe", "a = 'x'", syntax("'", None)),
    ("AND without a right side", "a = :s AND", syntax("<EOF>", "AND")),
    ("AND without a left side", "AND a = :s", syntax("AND", "AND a")),
    ("NOT alone", "NOT", syntax("<EOF>", "NOT")),
    ("an open parenthesis", "(a = :s", syntax("<EOF>")),
    ("a closing parenthesis too many", "a = :s)", syntax(")", ":s)")),
    ("empty parentheses", "()", syntax(")", "()")),
    ("two conditions without AND", "a = :s b = :s", syntax("b", ":s b =")),
    ("BETWEEN without AND", "a BETWEEN :n", syntax("<EOF>", ":n")),
    ("IN without parentheses", "a IN :s", syntax(":s", "IN :s")),
    ("IN of none", "a IN ()", syntax(")", "()")),
    ("a path that ends in a dot", "a. = :s", syntax("=", ". = :s")),
    ("a path with an open bracket", "a[0 = :s", syntax("=", "0 = :s")),
    ("a path with no index", "a[] = :s", syntax("]", "[] =")),
    ("a path with a name for an index", "a[b] = :s", syntax("b", "[b]")),
    ("a path with a negative index", "a[-1] = :s", syntax("-", "[-1")),
    ("a value's member", ":s.a = :n", syntax(".", ":s.a")),
    ("a lone sign", "# = :s", syntax("#", None)),
    ("a lone colon", "a = :", syntax(":", None)),
    ("plus", "a = :n + :m", syntax("+", ":n + :m")),
    ("a function without parentheses", "attribute_exists a", syntax("a", "attribute_exists a")),
    ("a function that ends early", "attribute_exists(a", syntax("<EOF>", "a")),
    ("a function of none", "attribute_exists()", syntax(")", "()")),
    ("a comma too many", "begins_with(a, :s,)", syntax(")", ",)")),
    ("a reserved word", "size = :n", reserved("size")),
    ("a reserved word in capitals", "NAME = :s", reserved("NAME")),
    ("a reserved word within a path", "a.status = :s", reserved("status")),
    ("an undefined value", "a = :x", undefined_value(":x")),
    ("an undefined name", "#x = :s", undefined_name("#x")),
    ("an undefined name within a path", "a.#x = :s", undefined_name("#x")),
    ("the first of two undefined", "#x = :x", undefined_name("#x")),
    ("a function that there is not", "absent(a)", function("absent")),
    ("a function in capitals", "ATTRIBUTE_EXISTS(a)", function("ATTRIBUTE_EXISTS")),
    ("a function of updates", "if_not_exists(a, :s) = :s", elsewhere("if_not_exists", "a condition")),
    ("a list function", "a = list_append(a, :l)", elsewhere("list_append", "a condition")),
    ("size as a condition", "size(a)", misused("size")),
    ("a condition as an operand", "attribute_exists(a) = :t1", misused("attribute_exists")),
    ("a condition within size", "size(contains(a, :s)) = :n", misused("contains")),
    ("attribute_exists of two", "attribute_exists(a, b)", count("attribute_exists", 2)),
    ("attribute_not_exists of two", "attribute_not_exists(a, b)", count("attribute_not_exists", 2)),
    ("begins_with of one", "begins_with(a)", count("begins_with", 1)),
    ("begins_with of three", "begins_with(a, :s, :t)", count("begins_with", 3)),
    ("contains of one", "contains(a)", count("contains", 1)),
    ("attribute_type of one", "attribute_type(a)", count("attribute_type", 1)),
    ("size of two", "size(a, b) = :n", count("size", 2)),
    ("attribute_exists of a value", "attribute_exists(:s)", pathless("attribute_exists")),
    ("attribute_not_exists of a value", "attribute_not_exists(:s)", pathless("attribute_not_exists")),
    ("begins_with a number", "begins_with(a, :n)", operand("begins_with", "N")),
    ("begins_with a set", "begins_with(a, :ss)", operand("begins_with", "SS")),
    ("attribute_type of a number", "attribute_type(a, :n)", operand("attribute_type", "N")),
    ("attribute_type of a type that there is not", "attribute_type(a, :s)",
     re.compile(r"Invalid attribute type name found; type: text, valid types: \{[A-Z,]+\}")),
    ("size of a number", "size(:n) = :m", operand("size", "N")),
    ("size of a flag", "size(:t1) = :m", operand("size", "BOOL")),
    ("less than a list", "a < :l", operand("<", "L")),
    ("less than a map", "a < :o", operand("<", "M")),
    ("more than a flag", "a > :t1", operand(">", "BOOL")),
    ("at most a set", "a <= :ss", operand("<=", "SS")),
    ("at least null", "a >= :u", operand(">=", "NULL")),
    ("between lists", "a BETWEEN :l AND :l", operand("BETWEEN", "L")),
    ("between two types", "a BETWEEN :n AND :s", re.compile(
        r"The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: \{N:5\}, "
        r"upper bound operand: AttributeValue: \{S:text\}")),
    ("between the wrong way", "a BETWEEN :m AND :n",
     "The BETWEEN operator requires upper bound to be greater than or equal to lower "
     "bound; lower bound operand: AttributeValue: {N:9}, upper bound operand: AttributeValue: {N:5}"),
    ("an attribute with itself", "a = a", distinct("=", "[a]")),
    ("a path with itself", "a.b[1] <> a.b[1]", distinct("<>", "[a, b, [1]]")),
    ("a name with itself", "#a < a", distinct("<", "[a]")),
    ("contains itself", "contains(a, a)", distinct("contains", "[a]")),
    ("begins with itself", "begins_with(a, a)", distinct("begins_with", "[a]")),
    ("two parentheses", "((a = :s))", PARENTHESES),
    ("two parentheses within", "b = :s AND ((a = :s))", PARENTHESES),
    ("parentheses around an operand twice", "((a)) = :s", UNKNOWN),
    ("more than 4 kilobytes", "a = :s" + " OR a = :s" * 420,
     re.compile(r"Expression size has exceeded the maximum allowed size.*")),
    ("more than 300 operators", "NOT " * 301 + "a = :s", UNKNOWN),
    ("more than 100 operands of IN", f"a IN ({','.join([':s'] * 101)})", UNKNOWN),
]
refusals(Expressions, "DeleteItem", [(name, condition(text), said("ConditionExpression", what) if what is not UNKNOWN else what)
                                     for name, text, what in CONDITIONS])
refusals(Expressions, "Scan", [
    ("filter: " + name, {"TableName": "Hash", "FilterExpression": text, **used(text)},
     said("FilterExpression", what) if what is not UNKNOWN else what)
    for name, text, what in CONDITIONS])

UPDATES = [
    ("empty", "", EMPTY),
    ("a word that there is not", "CHANGE a = :s", syntax("CHANGE", "CHANGE a")),
    ("SET alone", "SET", syntax("<EOF>", "SET")),
    ("SET without a value", "SET a", syntax("<EOF>", "a")),
    ("SET without a right side", "SET a =", syntax("<EOF>")),
    ("SET with a comma too many", "SET a = :s,", syntax("<EOF>")),
    ("SET of a number", "SET a = 5", syntax("5", "= 5")),
    ("SET of a value", "SET :s = a", syntax(":s", "SET :s =")),
    ("SET with other operators", "SET a = :n * :m", syntax("*", None)),
    ("SET by +=", "SET a += :n", syntax("+", "a +=")),
    ("REMOVE alone", "REMOVE", syntax("<EOF>", "REMOVE")),
    ("REMOVE with a value", "REMOVE a :s", syntax(":s", "a :s")),
    ("REMOVE of a value", "REMOVE :s", syntax(":s", "REMOVE :s")),
    ("ADD without a value", "ADD a", syntax("<EOF>", "a")),
    ("ADD of a path", "ADD a b", syntax("b", "a b")),
    ("ADD with an equals sign", "ADD a = :n", syntax("=", "a = :n")),
    ("DELETE without a value", "DELETE a", syntax("<EOF>", "a")),
    ("a condition", "a = :s", syntax("a", "a =")),
    ("a section twice", "SET a = :s SET b = :s", 'The "SET" section can only be used once in an update expression;'),
    ("REMOVE twice", "REMOVE a REMOVE b", 'The "REMOVE" section can only be used once in an update expression;'),
    ("ADD twice", "ADD a :n ADD b :n", 'The "ADD" section can only be used once in an update expression;'),
    ("DELETE twice", "DELETE a :ss DELETE b :ss", 'The "DELETE" section can only be used once in an update expression;'),
    ("a reserved word", "SET name = :s", reserved("name")),
    ("a reserved word on the right", "SET a = timestamp", reserved("timestamp")),
    ("a reserved word removed", "REMOVE value", reserved("value")),
    ("an undefined value", "SET a = :x", undefined_value(":x")),
    ("an undefined name", "SET #x = :s", undefined_name("#x")),
    ("an undefined name added to", "ADD #x :n", undefined_name("#x")),
    ("a function that there is not", "SET a = plus(a, :n)", function("plus")),
    ("a condition's function", "SET a = attribute_exists(b)", elsewhere("attribute_exists", "an update")),
    ("size", "SET a = size(b)", elsewhere("size", "an update")),
    ("if_not_exists of one", "SET a = if_not_exists(a)", count("if_not_exists", 1)),
    ("list_append of one", "SET a = list_append(a)", count("list_append", 1)),
    ("list_append of three", "SET a = list_append(a, :l, :l)", count("list_append", 3)),
    ("if_not_exists of a value", "SET a = if_not_exists(:s, :n)", pathless("if_not_exists")),
    ("list_append of a text", "SET a = list_append(a, :s)", operand("list_append", "S")),
    ("plus a text", "SET a = a + :s", operand("+", "S")),
    ("minus a list", "SET a = a - :l", operand("-", "L")),
    ("a text minus", "SET a = :s - :n", operand("-", "S")),
    ("add a text", "ADD a :s",
     "Incorrect operand type for operator or function; operator: ADD, operand type: STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"),
    ("add a map", "ADD a :o",
     "Incorrect operand type for operator or function; operator: ADD, operand type: MAP, typeSet: ALLOWED_FOR_ADD_OPERAND"),
    ("add a list", "ADD a :l",
     "Incorrect operand type for operator or function; operator: ADD, operand type: LIST, typeSet: ALLOWED_FOR_ADD_OPERAND"),
    ("delete a text", "DELETE a :s",
     "Incorrect operand type for operator or function; operator: DELETE, operand type: STRING, typeSet: ALLOWED_FOR_DELETE_OPERAND"),
    ("delete a number", "DELETE a :n",
     "Incorrect operand type for operator or function; operator: DELETE, operand type: NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"),
    ("a path twice", "SET a = :s, a = :t",
     "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"),
    ("a path in two sections", "SET a = :s REMOVE a",
     "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"),
    ("a path and its member", "SET a = :s, a.b = :t",
     "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"),
    ("a member and its path", "SET a.b = :s, a = :t",
     "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a]"),
    ("an element twice", "SET a[1] = :s, a[1] = :t",
     "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a, [1]], path two: [a, [1]]"),
    ("an element and a member", "SET a[1] = :s, a.b = :t",
     "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, [1]], path two: [a, b]"),
    ("names that are one", "SET #a = :s, a = :t",
     "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"),
    ("nested functions", "SET a = list_append(list_append(a, :l), :l)", UNKNOWN),
    ("three terms", "SET a = :n + :m + :n", syntax("+", None)),
]
refusals(Expressions, "UpdateItem", [(name, update(text), said("UpdateExpression", what) if what is not UNKNOWN else what)
                                     for name, text, what in UPDATES if name not in ("nested functions",)])

PROJECTIONS = [
    ("empty", "", EMPTY),
    ("a comma too many", "a,", syntax("<EOF>")),
    ("a comma alone", ",", syntax(",", ",")),
    ("two names", "a b", syntax("b", "a b")),
    ("a value", ":s", syntax(":s", ":s")),
    ("a function", "size(a)", syntax("(", None)),
    ("a reserved word", "a, name", reserved("name")),
    ("an undefined name", "a, #x", undefined_name("#x")),
    ("a path twice", "a, a",
     "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a]"),
    ("a path and its member", "a, a.b",
     "Two document paths overlap with each other; must remove or rewrite one of these paths; path one: [a], path two: [a, b]"),
    ("a member and an element", "a.b, a[0]",
     "Two document paths conflict with each other; must remove or rewrite one of these paths; path one: [a, b], path two: [a, [0]]"),
]
refusals(Expressions, "GetItem", [(name, {**KEY, "ProjectionExpression": text}, said("ProjectionExpression", what))
                                  for name, text, what in PROJECTIONS if ":s" not in text])

QUERY = {"TableName": "Range"}
OPERATOR = "Invalid operator used in KeyConditionExpression: "


def key_condition(text):
    return {**QUERY, "KeyConditionExpression": text, **used(text)}


refusals(Expressions, "Query", [(name, key_condition(text), what) for name, text, what in [
    ("empty", "", "Invalid KeyConditionExpression: " + EMPTY),
    ("no right side", "pk =", re.compile(r'Invalid KeyConditionExpression: Syntax error; token: "<EOF>", near: .*')),
    ("an undefined value", "pk = :x", "Invalid KeyConditionExpression: " + undefined_value(":x")),
    ("an undefined name", "#x = :s", "Invalid KeyConditionExpression: " + undefined_name("#x")),
    ("a reserved word", "name = :s", "Invalid KeyConditionExpression: " + reserved("name")),
    ("OR", "pk = :s OR sk = :s", OPERATOR + "OR"),
    ("NOT", "NOT pk = :s", OPERATOR + "NOT"),
    ("IN", "pk IN (:s, :t)", OPERATOR + "IN"),
    ("unequal", "pk <> :s", OPERATOR + "<>"),
    ("contains", "pk = :s AND contains(sk, :s)", OPERATOR + "contains"),
    ("attribute_exists", "attribute_exists(pk)", OPERATOR + "attribute_exists"),
    ("attribute_type", "pk = :s AND attribute_type(sk, :s)", UNKNOWN),
    ("size", "pk = :s AND size(sk) = :n", re.compile(r"(Invalid operator used in )?KeyConditionExpression.*")),
    ("a path", "pk.a = :s",
     re.compile(r"KeyConditionExpressions cannot have conditions on nested attributes|Query condition.*|.*nested.*")),
    ("an attribute on the right", "pk = sk", UNKNOWN),
    ("a value on both sides", ":s = :t", UNKNOWN),
    ("the hash key less than", "pk < :s", "Query key condition not supported"),
    ("the hash key between", "pk BETWEEN :s AND :t", "Query key condition not supported"),
    ("the hash key's beginning", "begins_with(pk, :s)", "Query key condition not supported"),
    ("the range key alone", "sk = :s", "Query condition missed key schema element: pk"),
    ("another attribute alone", "a = :s", "Query condition missed key schema element: pk"),
    ("another attribute beside", "pk = :s AND a = :s", "Query condition missed key schema element: sk"),
    ("two conditions for the hash key", "pk = :s AND pk = :t", "KeyConditionExpressions must only contain one condition per key"),
    ("two conditions for the range key", "pk = :s AND sk > :s AND sk < :t", UNKNOWN),
    ("three conditions", "pk = :s AND sk = :s AND a = :s", UNKNOWN),
    ("another type for the hash key", "pk = :n",
     "One or more parameter values were invalid: Condition parameter type does not match schema type"),
    ("another type for the range key", "pk = :s AND sk > :n",
     "One or more parameter values were invalid: Condition parameter type does not match schema type"),
    ("a range that is empty", "pk = :s AND sk BETWEEN :t AND :s", re.compile(
        r"Invalid KeyConditionExpression: The BETWEEN operator requires upper bound to be greater than or equal to lower bound; .*")),
]])
refusals(Expressions, "Query", [
    ("a filter on the hash key", {**key_condition("pk = :s"), "FilterExpression": "pk <> :s"},
     "Filter Expression can only contain non-primary key attributes: Primary key attribute: pk"),
    ("a filter on the range key", {**key_condition("pk = :s"), "FilterExpression": "attribute_exists(sk)"},
     "Filter Expression can only contain non-primary key attributes: Primary key attribute: sk"),
])

PUT = {"TableName": "Hash", "Item": {"pk": S("a")}}
SYNTAX = 'contains invalid key: Syntax error; key: "{}"'
refusals(Expressions, "PutItem", [
    ("names without an expression", {**PUT, "ExpressionAttributeNames": {"#a": "a"}},
     "ExpressionAttributeNames can only be specified when using expressions"),
    ("values without an expression", {**PUT, "ExpressionAttributeValues": {":a": S("a")}},
     "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"),
    ("both without an expression", {**PUT, "ExpressionAttributeNames": {"#a": "a"}, "ExpressionAttributeValues": {":a": S("a")}},
     "ExpressionAttributeNames can only be specified when using expressions"),
    ("no names", {**PUT, "ExpressionAttributeNames": {}, "ConditionExpression": "a = :a"},
     "ExpressionAttributeNames must not be empty"),
    ("no values", {**PUT, "ExpressionAttributeValues": {}, "ConditionExpression": "attribute_exists(a)"},
     "ExpressionAttributeValues must not be empty"),
    ("a name without its sign", {**PUT, "ExpressionAttributeNames": {"a": "a"}, "ConditionExpression": "attribute_exists(a)"},
     "ExpressionAttributeNames " + SYNTAX.format("a")),
    ("a sign alone", {**PUT, "ExpressionAttributeNames": {"#": "a"}, "ConditionExpression": "attribute_exists(a)"},
     "ExpressionAttributeNames " + SYNTAX.format("#")),
    ("a name with a dash", {**PUT, "ExpressionAttributeNames": {"#a-b": "a"}, "ConditionExpression": "attribute_exists(a)"},
     "ExpressionAttributeNames " + SYNTAX.format("#a-b")),
    ("a value without its sign", {**PUT, "ExpressionAttributeValues": {"a": S("a")}, "ConditionExpression": "attribute_exists(a)"},
     "ExpressionAttributeValues " + SYNTAX.format("a")),
    ("a value with another sign", {**PUT, "ExpressionAttributeValues": {"#a": S("a")},
                                   "ConditionExpression": "attribute_exists(a)"},
     "ExpressionAttributeValues " + SYNTAX.format("#a")),
    ("a value with a dash", {**PUT, "ExpressionAttributeValues": {":a-b": S("a")}, "ConditionExpression": "attribute_exists(a)"},
     "ExpressionAttributeValues " + SYNTAX.format(":a-b")),
    ("an empty name", {**PUT, "ExpressionAttributeNames": {"#a": ""}, "ConditionExpression": "attribute_exists(#a)"}, UNKNOWN),
    ("a name that is not used", {**PUT, "ExpressionAttributeNames": {"#a": "a"}, "ConditionExpression": "attribute_exists(a)"},
     "Value provided in ExpressionAttributeNames unused in expressions: keys: {#a}"),
    ("a value that is not used", {**PUT, "ExpressionAttributeValues": {":a": S("a")}, "ConditionExpression": "attribute_exists(a)"},
     "Value provided in ExpressionAttributeValues unused in expressions: keys: {:a}"),
    ("two values that are not used", {
        **PUT, "ExpressionAttributeValues": {":a": S("a"), ":b": S("a"), ":c": S("a")}, "ConditionExpression": "a = :b"},
     re.compile(r"Value provided in ExpressionAttributeValues unused in expressions: keys: \{(:a, :c|:c, :a)\}")),
    ("ReturnValues of what an item never has", {**PUT, "ReturnValues": "ALL_NEW"}, "ReturnValues can only be ALL_OLD or NONE"),
    ("ReturnValues of an update", {**PUT, "ReturnValues": "UPDATED_OLD"}, "ReturnValues can only be ALL_OLD or NONE"),
])
refusals(Expressions, "DeleteItem", [
    ("ReturnValues of what is gone", {**KEY, "ReturnValues": "ALL_NEW"}, "ReturnValues can only be ALL_OLD or NONE"),
    ("values without an expression", {**KEY, "ExpressionAttributeValues": {":a": S("a")}},
     "ExpressionAttributeValues can only be specified when using expressions: ConditionExpression is null"),
])
refusals(Expressions, "UpdateItem", [
    ("values without an expression", {**KEY, "ExpressionAttributeValues": {":a": S("a")}},
     "ExpressionAttributeValues can only be specified when using expressions: UpdateExpression and ConditionExpression are null"),
    ("the hash key set", update("SET pk = :s"),
     "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"),
    ("the hash key removed", update("REMOVE #p"),
     "One or more parameter values were invalid: Cannot update attribute pk. This attribute is part of the key"),
    ("the range key added to", {"TableName": "Range", "Key": {"pk": S("a"), "sk": S("b")}, "UpdateExpression": "ADD sk :n",
                                "ExpressionAttributeValues": {":n": N(1)}},
     "One or more parameter values were invalid: Cannot update attribute sk. This attribute is part of the key"),
])
refusals(Expressions, "GetItem", [
    ("names without an expression", {**KEY, "ExpressionAttributeNames": {"#a": "a"}},
     re.compile(r"ExpressionAttributeNames can only be specified when using expressions(: ProjectionExpression is null)?")),
    ("a name that is not used", {**KEY, "ProjectionExpression": "a", "ExpressionAttributeNames": {"#b": "b"}},
     "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}"),
])
refusals(Expressions, "Scan", [
    ("values without an expression", {"TableName": "Hash", "ExpressionAttributeValues": {":a": S("a")}},
     "ExpressionAttributeValues can only be specified when using expressions: FilterExpression is null"),
])
refusals(Expressions, "Query", [
    ("values without an expression", {"TableName": "Range", "ExpressionAttributeValues": {":a": S("a")}, "KeyConditions": {
        "pk": {"ComparisonOperator": "EQ", "AttributeValueList": [S("a")]}}}, re.compile(
            r"ExpressionAttributeValues can only be specified when using expressions: (FilterExpression and KeyConditionExpression|"
            r"KeyConditionExpression and FilterExpression) are null")),
])

SCALARS = "Key attributes must be scalars; list random access '[]' and map lookup '.' are not allowed: Key: pk"
refusals(Expressions, "GetItem", [("into the key", {**KEY, "ProjectionExpression": "pk.a"}, SCALARS),
                                  ("into the key by an index", {**KEY, "ProjectionExpression": "a, pk[0]"}, SCALARS)])
refusals(Expressions, "DeleteItem", [("into the key", condition("attribute_exists(#p.a)"), SCALARS)])
refusals(Expressions, "Scan", [("into the key", {"TableName": "Hash", "FilterExpression": "pk[1] = :s", **used("pk[1] = :s")}, SCALARS)])
refusals(Expressions, "UpdateItem", [("from within the key", update("SET a = pk.b"), SCALARS)])

if __name__ == "__main__":
    main()
