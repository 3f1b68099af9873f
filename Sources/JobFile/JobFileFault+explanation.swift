// One sentence for each fault: what is wrong and how to mend it.

import JOSE

extension JobFileFault {
    /// What is wrong and how to mend it.
    package var explanation: String {
        switch self {
        case .mappingExpected: "this must be a mapping (name: value)"
        case .textExpected: "this must be one text"
        case .textOrListExpected: "this must be a text or a list of texts"
        case .booleanExpected: "this must be true or false"
        case .noSuchJob(let known): Self.explanation(known: known)
        case .parentUnknown(let name): "extends \(name), which is not in this file (included files are not read)"
        case .tooManyParents: "extends leads in a circle, or through more than 11 jobs"
        case .audienceMissing: "an id token must say who it is for; add aud:"
        case .keyUnknown(let name): "\(name) has no meaning here"
        case .variableNotExpanded: "variables are not expanded here; write the value itself"
        case .variableNameRefused: "a job's variable can't have this name, or has it already; choose another"
        case .secretWithoutToken: "a secret is fetched with an id token, and this job has none; add id_tokens:"
        case .tokenUnknown(let name): "token: \(name) is none of the job's id tokens; write $NAME of one of them"
        case .sourceUnknown: "a secret must say vault:; other sources are not supported"
        case .vaultPathMalformed: "this must be path/field or path/field@engine"
        case .engineUnknown(let name): "the engine \(name) is not supported; use kv-v2, kv-v1 or generic"
        case .permissionUnknown: "the permission must be write, read or none"
        case .environmentNotExpanded:
            "variables in the environment's name are not expanded here; state it with --fact environment=NAME"
        case .environmentDiffers(let stated): "the environment is another one than the stated fact \(stated)"
        }
    }

    private static func explanation(known: [ByteString]) -> String {
        let shown = known.prefix(20).map(\.string).joined(separator: ", ")
        return known.isEmpty
            ? "there is no such job, and no other"
            : "there is no such job; there are: \(shown)\(known.count > 20 ? ", …" : "")"
    }
}
