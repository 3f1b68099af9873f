import Foundation

/// The user that a job's command runs as.
struct JobUser {
    let name: String
    let uid: uid_t
    let gid: gid_t
    /// All of its groups.
    let groups: [gid_t]
    let home: String
    let shell: String

    /// A user that is not root, by name or number.
    init(_ text: String) throws {
        guard let entry = getpwnam(text) ?? uid_t(text).flatMap({ getpwuid($0) }) else {
            throw CommandFailure.wrongConfiguration("there is no user \(text)")
        }
        guard entry.pointee.pw_uid != 0 else {
            throw CommandFailure.wrongConfiguration("the job's user can't be root, who can read every credential")
        }
        name = String(cString: entry.pointee.pw_name)
        uid = entry.pointee.pw_uid
        gid = entry.pointee.pw_gid
        home = String(cString: entry.pointee.pw_dir)
        shell = String(cString: entry.pointee.pw_shell)
        groups = Self.groups(of: name, gid)
    }

    private static func groups(of name: String, _ gid: gid_t) -> [gid_t] {
        var count: Int32 = 1024
        var groups = [gid_t](repeating: 0, count: Int(count))
        let found = getgrouplist(name, gid, &groups, &count)
        return found < 0 ? [gid] : Array(groups.prefix(Int(count)))
    }
}
