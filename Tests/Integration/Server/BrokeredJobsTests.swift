import Issuer
import JOSE
import Keys
import Server
import Testing

/// Whose job it is, as the broker remembers it.
@Suite struct BrokeredJobsTests {
    private static let agent: UInt32 = 1001
    private static let other: UInt32 = 1002
    private static let now = NumericDate(secondsSinceEpoch: 1_800_000_000)

    private func id(_ number: Int) throws -> JobID {
        let digits = String(number, radix: 16)
        return try #require(JobID(Array((String(repeating: "0", count: 32 - digits.count) + digits).utf8)))
    }

    private func requests(_ id: JobID, _ reference: ByteString) -> [BrokeredRequest] {
        [.setFacts(id, []), .heartbeat(id), .end(id), .endReference(reference)]
    }

    @Test func `a job is its registrar's and root's and nobody else's`() throws {
        let jobs = BrokeredJobs()
        let id = try id(1)
        #expect(jobs.note(id, reference: "r", of: Self.agent, isNew: true, at: Self.now))
        for request in requests(id, "r") {
            #expect(jobs.permits(request, by: Self.agent))
            #expect(jobs.permits(request, by: 0))
            #expect(!jobs.permits(request, by: Self.other))
        }
    }

    @Test func `a job from before a restart can be kept alive and ended and nothing else`() throws {
        let jobs = BrokeredJobs()
        let id = try id(1)
        #expect(jobs.permits(.heartbeat(id), by: Self.agent))
        #expect(jobs.permits(.end(id), by: Self.agent))
        #expect(jobs.permits(.endReference("r"), by: Self.agent))
        #expect(!jobs.permits(.setFacts(id, []), by: Self.agent))
        #expect(!jobs.note(id, reference: "r", of: Self.agent, isNew: false, at: Self.now))
        #expect(!jobs.permits(.setFacts(id, []), by: Self.agent))
        #expect(jobs.note(id, reference: "r", of: 0, isNew: false, at: Self.now))
    }

    @Test func `the same registration again is its registrar's only`() throws {
        let jobs = BrokeredJobs()
        let id = try id(1)
        #expect(jobs.note(id, reference: "r", of: Self.agent, isNew: true, at: Self.now))
        #expect(jobs.note(id, reference: "r", of: Self.agent, isNew: false, at: Self.now))
        #expect(!jobs.note(id, reference: "r", of: Self.other, isNew: false, at: Self.now))
        #expect(jobs.permits(.setFacts(id, []), by: Self.agent))
    }

    @Test(arguments: [true, false])
    func `an ended job is forgotten with its reference`(byReference: Bool) throws {
        let jobs = BrokeredJobs()
        let id = try id(1)
        #expect(jobs.note(id, reference: "r", of: Self.agent, isNew: true, at: Self.now))
        jobs.forget(byReference ? .endReference("r") : .end(id))
        #expect(jobs.permits(.endReference("r"), by: Self.other))
        #expect(!jobs.permits(.setFacts(id, []), by: Self.agent))
    }

    @Test func `no more is remembered than there is room for until the longest life is over`() throws {
        let jobs = BrokeredJobs(capacity: 2)
        for number in 1...2 {
            #expect(jobs.hasRoom(at: Self.now))
            #expect(jobs.note(try id(number), reference: nil, of: Self.agent, isNew: true, at: Self.now))
        }
        #expect(!jobs.hasRoom(at: Self.now.advanced(bySeconds: 86_399)))
        #expect(jobs.hasRoom(at: Self.now.advanced(bySeconds: 86_400)))
        #expect(jobs.permits(.end(try id(1)), by: Self.other))
    }

    @Test func `a reference is its registrar's from before there is an answer`() throws {
        let jobs = BrokeredJobs()
        #expect(jobs.begin("r", of: Self.agent, at: Self.now) == .mayGoOn)
        #expect(!jobs.permits(.endReference("r"), by: Self.other))
        #expect(jobs.permits(.endReference("r"), by: Self.agent))
        #expect(jobs.begin("r", of: Self.other, at: Self.now) == .isAnothers)
        #expect(jobs.begin("r", of: Self.agent, at: Self.now) == .isUnderWay)
        #expect(jobs.begin("r", of: 0, at: Self.now) == .mayGoOn)
        jobs.drop("r", of: Self.agent)
        #expect(jobs.permits(.endReference("r"), by: Self.other))
        #expect(jobs.begin("r", of: Self.other, at: Self.now) == .mayGoOn)
    }

    @Test func `a lost answer leaves the reference to its registrar who is told of the job later`() throws {
        let jobs = BrokeredJobs()
        let id = try id(1)
        #expect(jobs.begin("r", of: Self.agent, at: Self.now) == .mayGoOn)
        jobs.lose("r", of: Self.agent)
        #expect(jobs.begin("r", of: Self.other, at: Self.now) == .isAnothers)
        #expect(!jobs.permits(.endReference("r"), by: Self.other))
        #expect(!jobs.note(id, reference: "r", of: Self.other, isNew: false, at: Self.now))
        #expect(jobs.begin("r", of: Self.agent, at: Self.now) == .mayGoOn)
        jobs.drop("r", of: Self.agent)
        #expect(jobs.begin("r", of: Self.agent, at: Self.now) == .mayGoOn, "a refusal in between settles nothing")
        #expect(jobs.note(id, reference: "r", of: Self.agent, isNew: false, at: Self.now))
        #expect(jobs.permits(.setFacts(id, []), by: Self.agent))
        #expect(!jobs.permits(.setFacts(id, []), by: Self.other))
    }

    @Test func `to be under way gives nobody a job that was there before`() throws {
        let jobs = BrokeredJobs()
        #expect(jobs.begin("r", of: Self.agent, at: Self.now) == .mayGoOn)
        #expect(!jobs.note(try id(1), reference: "r", of: Self.agent, isNew: false, at: Self.now))
        #expect(jobs.begin("r", of: Self.other, at: Self.now) == .mayGoOn)
    }

    @Test func `another's registration takes a reference only with a new job`() throws {
        let jobs = BrokeredJobs()
        #expect(jobs.note(try id(1), reference: "r", of: Self.agent, isNew: true, at: Self.now))
        #expect(jobs.begin("r", of: Self.other, at: Self.now) == .mayGoOn)
        #expect(!jobs.permits(.endReference("r"), by: Self.other))
        jobs.lose("r", of: Self.other)
        #expect(!jobs.note(try id(1), reference: "r", of: Self.other, isNew: false, at: Self.now))
        #expect(jobs.note(try id(2), reference: "r", of: Self.other, isNew: true, at: Self.now))
        #expect(jobs.permits(.endReference("r"), by: Self.other))
        #expect(!jobs.permits(.endReference("r"), by: Self.agent))
    }

    @Test func `references of lost answers take room until the longest life is over`() throws {
        let jobs = BrokeredJobs(capacity: 1)
        #expect(jobs.begin("r", of: Self.agent, at: Self.now) == .mayGoOn)
        jobs.lose("r", of: Self.agent)
        #expect(!jobs.hasRoom(at: Self.now))
        #expect(jobs.hasRoom(at: Self.now.advanced(bySeconds: 86_400)))
        #expect(jobs.permits(.endReference("r"), by: Self.other))
    }
}
