import ArgumentParser
import CoreFoundation
import Foundation

struct BuildkiteInstallCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "install",
        abstract: "Write a program called buildkite-agent that runs this one."
    )

    @Argument(help: "The folder, which is to be on the job's PATH.")
    var folder: String

    func run() throws {
        let path = folder + "/buildkite-agent"
        let draft = "\(path).\(getpid()).new"
        try refuseToReplaceOthers(path)
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o755)
        guard descriptor >= 0 else {
            throw CommandFailure.failed("\(path) cannot be written: \(String(cString: strerror(errno)))")
        }
        let script = Array(try Self.script().utf8)
        let written = write(descriptor, script, script.count)
        // The job may run under another uid, whatever our umask is.
        let isOpened = fchmod(descriptor, 0o755) == 0
        close(descriptor)
        guard written == script.count, isOpened, rename(draft, path) == 0 else {
            unlink(draft)
            throw CommandFailure.failed("\(path) cannot be written")
        }
    }

    /// Only a stand-in of ours is replaced.
    private func refuseToReplaceOthers(_ path: String) throws {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFREG, let present = FileManager.default.contents(atPath: path),
            String(decoding: present.prefix(4096), as: UTF8.self).hasSuffix(Self.tail)
        else {
            throw CommandFailure.failed("\(path) is there already and not ours; remove it, or name another folder")
        }
    }

    private static let tail = " shim buildkite \"$@\"\n"

    private static func script() throws -> String {
        guard let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
            throw CommandFailure.failed("the path of this program cannot be found; is /proc mounted?")
        }
        return "#!/bin/sh\nexec " + JobOutput.quoted(program) + tail
    }
}
