import ArgumentParser
import JOSE
import Policy

/// What a runner may say beyond its repositories' names, as options; the issuer reads and checks what they say.
struct RunnerBoundsOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A fact that must be there with this value; several for one fact are alternatives.",
            discussion: "In values, * stands for any characters but /, ** for any characters.",
            valueName: "fact=value"
        )
    )
    var allow: [String] = []

    @Option(
        help: ArgumentHelp("A fact that must not be there, or must not have this value.", valueName: "fact[=value]")
    )
    var deny: [String] = []

    @Option(help: ArgumentHelp("A fact that we state, whatever the runner says of it.", valueName: "fact=value"))
    var set: [String] = []

    @Option(help: ArgumentHelp("The longest a job may last, as 90s, 15m or 2h.", valueName: "duration"))
    var maxDuration: String?

    @Option(help: ArgumentHelp("The most jobs that may live at one time; default: 100000.", valueName: "number"))
    var maxLiveJobs: Int?

    @Option(help: ArgumentHelp("A network that the credential is good in, as 10.2.0.0/16.", valueName: "network"))
    var source: [String] = []

    @Option(help: ArgumentHelp("How long a credential is good, as 90d; default: for ever.", valueName: "duration"))
    var valid: String?

    /// The bounds as the issuer reads them.
    func document() throws -> JSONObject {
        var object = JSONObject()
        object["allow"] = try Self.values(allow, "--allow")
        object["deny"] = try denied()
        object["set"] = try stated()
        object["max_duration"] = try maxDuration.map { text throws in .integer(try Self.seconds(text, "--max-duration"))
        }
        object["max_live_jobs"] = maxLiveJobs.map { .integer(Int64($0)) }
        object["sources"] = source.isEmpty ? nil : .array(source.map { .string(ByteString($0)) })
        object["valid_for"] = try valid.map { text throws in .integer(try Self.seconds(text, "--valid")) }
        return object
    }

    /// Whole seconds of a duration option.
    static func seconds(_ text: String, _ option: String) throws -> Int64 {
        guard let duration = Duration(configured: text) else {
            throw ValidationError(
                "\(option) must be a whole number of seconds, or one with its unit: 90s, 15m, 2h, 90d"
            )
        }
        return duration.components.seconds
    }

    /// A fact that must not be there at all needs no values.
    private func denied() throws -> JSONValue? {
        let (valued, whole) = (deny.filter { $0.contains("=") }, deny.filter { !$0.contains("=") })
        var object = JSONObject()
        if case .object(let values)? = try Self.values(valued, "--deny") { object = values }
        for fact in whole { object[ByteString(fact)] = .bool(true) }
        return object.members.isEmpty ? nil : .object(object)
    }

    private func stated() throws -> JSONValue? {
        var object = JSONObject()
        for text in set {
            let (fact, value) = try Self.pair(text, "--set")
            guard object[fact] == nil else { throw ValidationError("--set states \(fact) twice") }
            object[fact] = .string(value)
        }
        return object.members.isEmpty ? nil : .object(object)
    }

    private static func values(_ texts: [String], _ option: String) throws -> JSONValue? {
        var object = JSONObject()
        for text in texts {
            let (fact, value) = try pair(text, option)
            var values: [JSONValue] = []
            if case .array(let known)? = object[fact] { values = known }
            object[fact] = .array(values + [.string(value)])
        }
        return object.members.isEmpty ? nil : .object(object)
    }

    private static func pair(_ text: String, _ option: String) throws -> (fact: ByteString, value: ByteString) {
        let bytes = ByteString(text).bytes
        guard let mark = bytes.firstIndex(of: UInt8(ascii: "=")), mark > 0 else {
            throw ValidationError("\(option) takes FACT=VALUE, not \(text)")
        }
        return (ByteString(bytes[..<mark]), ByteString(bytes[(mark + 1)...]))
    }
}
