# SPDX-License-Identifier: MIT
# Makes the tables of docs/FOOTPRINT.md. Reads the figures, "target backend name value" a line, then the template, in which
# a line `row NAME EXPRESSION TEXT` becomes a row of a table with a column for each target and backend. EXPRESSION is a
# name, or names joined by + (a sum) or / (a ratio). `limit EXPRESSION TARGET BACKEND MOST TEXT` becomes a row of what may
# be at most MOST; what is more makes the exit status 1.
# `figures` stands for the head of a table.

function number(v,    s) { # with commas
    s = sprintf("%d", v)
    while (match(s, /[0-9][0-9][0-9][0-9]($|,)/))
        s = substr(s, 1, RSTART) "," substr(s, RSTART + 1)
    return s
}

function of(where, name) {
    if (!((where, name) in value)) {
        print "report: no figure " name " of " where >"/dev/stderr"
        bad = 1
    }
    return value[where, name]
}

function figure(where, expression,    parts, n, i, sum) {
    if (split(expression, parts, "/") == 2)
        return sprintf("%.2f", of(where, parts[1]) / of(where, parts[2]))
    n = split(expression, parts, "+")
    for (i = 1; i <= n; i++)
        sum += of(where, parts[i])
    return sum
}

function show(v) {
    return v ~ /\./ ? v : number(v)
}

function rest(from,    i, text) {
    for (i = from; i <= NF; i++)
        text = text (i > from ? " " : "") $i
    return text
}

BEGIN {
    columns = split("cortex-m4 bearssl,cortex-m4 mbedtls,cortex-m0 bearssl,cortex-m0 mbedtls,rv32imac bearssl,rv32imac mbedtls",
        column, ",")
}

NR == FNR {
    value[$1 " " $2, $3] = $4
    next
}

/^figures / {
    print "| " rest(2) " | Cortex-M4 BearSSL | mbedTLS | Cortex-M0 BearSSL | mbedTLS | RV32IMAC BearSSL | mbedTLS |"
    print "|---|---:|---:|---:|---:|---:|---:|"
    next
}

/^row / {
    line = "| " rest(3) " |"
    for (i = 1; i <= columns; i++)
        line = line " " show(figure(column[i], $2)) " |"
    print line
    next
}

/^limit / {
    v = figure($3 " " $4, $2)
    missed = v > $5 + 0
    if (missed) {
        print "report: " rest(6) ": " v ", more than " $5 >"/dev/stderr"
        bad = 1
    }
    print "| " rest(6) " | " show($5) " | " show(v) (missed ? " (missed)" : "") " |"
    next
}

{ print }

END { exit bad }
