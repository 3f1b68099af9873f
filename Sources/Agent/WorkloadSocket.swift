/// Where the Workload API is offered.
package enum WorkloadSocket {}
