import Foundation

/// A folder held open: what is done in it is done there, whatever its path leads to by then.
struct OpenFolder: ~Copyable {
    let path: String
    let descriptor: Int32
    private let rootOwner: uid_t

    /// The operator's own folder, links to it followed.
    init(root path: String) throws(PublicationError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw errno == ENOENT ? .folderMissing(path) : .system(path, errno: errno) }
        var status = stat()
        fstat(descriptor, &status)
        try self.init(path, descriptor, rootOwner: status.st_uid)
    }

    private init(_ path: String, _ descriptor: Int32, rootOwner: uid_t) throws(PublicationError) {
        self.path = path
        self.descriptor = descriptor
        self.rootOwner = rootOwner
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw .system(path, errno: errno) }
        guard status.st_mode & S_IWOTH == 0 else { throw .folderWritableByEveryone(path) }
        guard [geteuid(), 0, rootOwner].contains(status.st_uid) else { throw .foreignOwner(path) }
    }

    deinit {
        close(descriptor)
    }

    /// A folder in it, which must be one and not a link to one.
    func subfolder(_ name: String, mayCreate: Bool) throws(PublicationError) -> OpenFolder {
        let below = path + "/" + name
        var opened = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        if opened < 0, errno == ENOENT, mayCreate {
            try makeSubfolder(name)
            opened = openat(descriptor, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        }
        guard opened >= 0 else { throw failure(errno, below) }
        return try OpenFolder(below, opened, rootOwner: rootOwner)
    }

    /// Made under another name and moved: a run that is killed leaves no folder that the web server cannot enter.
    private func makeSubfolder(_ name: String) throws(PublicationError) {
        let draft = ".\(name).draft"
        let below = path + "/" + draft
        guard mkdirat(descriptor, draft, 0o755) == 0 || errno == EEXIST else { throw .system(below, errno: errno) }
        let opened = openat(descriptor, draft, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard opened >= 0 else {
            if errno == ENOENT { return }  // Another publish was quicker.
            throw failure(errno, below)
        }
        let folder = try OpenFolder(below, opened, rootOwner: rootOwner)
        // The umask took the bits away that others need.
        guard fchmod(folder.descriptor, 0o755) == 0 else { throw .system(below, errno: errno) }
        if renameat(descriptor, draft, descriptor, name) != 0 { unlinkat(descriptor, draft, AT_REMOVEDIR) }
        try synchronise()
    }

    /// What was renamed in it is so after a power cut, too.
    func synchronise() throws(PublicationError) {
        guard fsync(descriptor) == 0 else { throw .system(path, errno: errno) }
    }

    /// The bytes of a plain file in it.
    func contents(of name: String, limit: Int) throws(PublicationError) -> [UInt8] {
        let file = path + "/" + name
        let opened = openat(descriptor, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard opened >= 0 else { throw failure(errno, file) }
        let handle = FileHandle(fileDescriptor: opened, closeOnDealloc: true)
        let data: Data
        do {
            data = try handle.read(upToCount: limit + 1) ?? Data()
        } catch {
            throw .system(file, errno: EIO)
        }
        guard data.count <= limit else { throw .fileTooLarge(file) }
        return Array(data)
    }

    /// ELOOP and, for a folder, ENOTDIR are how the kernel says that there is a link.
    func failure(_ errno: Int32, _ path: String) -> PublicationError {
        [ELOOP, ENOTDIR].contains(errno) ? .notPlain(path) : .system(path, errno: errno)
    }
}
