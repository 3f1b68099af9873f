/// A statement with what is bound to its parameters `$1`, `$2` and so on.
struct PostgresStatement {
    let sql: String
    let values: [PostgresValue]

    init(_ sql: String, _ values: PostgresValue...) {
        self.init(sql: sql, values: values)
    }

    init(sql: String, values: [PostgresValue]) {
        self.sql = sql
        self.values = values
    }
}
