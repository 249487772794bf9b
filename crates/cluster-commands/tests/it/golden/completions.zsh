_scrgadm() {
  _arguments -s \
    '-a[add\: register a type, create a group or a resource]' \
    '-c[change]' \
    '-r[remove]' \
    '-p[print the configuration]' \
    '-t[resource type; vendor and version may be left out]:type:($(scha_cluster_get -O ALL_RESOURCETYPES 2>/dev/null))' \
    '-g[resource group]:group:($(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null))' \
    '-j[resource]:resource:_files' \
    '-L[a logical host\: resource of type SUNW.LogicalHostname]' \
    '-S[a shared address\: resource of type SUNW.SharedAddress]' \
    '-l[its host names; without -j the first is the resource'\''s name]:host\[,...\]:_files' \
    '-n[interface on each node; without it the one of the subnet]:netif@node\[,...\]:_files' \
    '-X[further nodes that may hold a shared address]:node\[,...\]:($(scha_cluster_get -O ALL_NODENAMES 2>/dev/null))' \
    '-h[with -g\: Nodelist, the most preferred first; with -t\: Installed_nodes]:node\[,...\]:($(scha_cluster_get -O ALL_NODENAMES 2>/dev/null))' \
    '-f[the RTR file, or a directory that holds it]:path:_files' \
    '*-y[system-defined property; lists are separated by commas]:name=value:_files' \
    '*-x[extension property, on one node or on all]:name\[{node}\]=value:_files' \
    '*-v[print more; -vv prints every property]' \
    '--json[print as JSON]' \
    '--no-wait[end as soon as it is accepted, without waiting until it has come true]' \
    '--timeout[wait at most so long; the operation goes on]:seconds:_files' \
    '--help[help]' 
}
compdef _scrgadm scrgadm
_scswitch() {
  _arguments -s \
    '-z[switch\: make these nodes the primaries; without -h the most preferred ones]' \
    '-Z[manage the groups, enable all their resources and monitors, bring them online]' \
    '-F[take offline on all nodes]' \
    '-R[restart groups (-g, -h) or resources in place (-j)]' \
    '-S[evacuate nodes\: move everything away from them]' \
    '-e[enable resources, or with -M their monitors]' \
    '-n[disable resources, or with -M their monitors]' \
    '-M[with -e and -n\: the fault monitor only]' \
    '-o[manage groups]' \
    '-u[unmanage groups]' \
    '-c[clear the error flag of resources]' \
    '-Q[quiesce\: stop groups from moving on, and wait until they are at rest]' \
    '-s[suspend automatic recovery of groups]' \
    '-r[resume it]' \
    '-m[maintenance state of device groups]' \
    '-g[resource groups]:group\[,...\]:($(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null))' \
    '-j[resources]:resource\[,...\]:_files' \
    '-h[nodes; with -z an empty list ("") means\: offline everywhere]:node\[,...\]:($(scha_cluster_get -O ALL_NODENAMES 2>/dev/null))' \
    '-D[device groups; there are none here]:group\[,...\]:_files' \
    '-f[the error flag to clear\: STOP_FAILED]:flag:_files' \
    '-K[how long an evacuated node gets nothing back; default 60]:seconds:_files' \
    '-k[kill the methods that run, so that it is at rest at once]' \
    '--no-wait[end as soon as it is accepted, without waiting until it has come true]' \
    '--timeout[wait at most so long; the operation goes on]:seconds:_files' \
    '--help[help]' 
}
compdef _scswitch scswitch
_scstat() {
  _arguments -s \
    '-g[resource groups and resources]' \
    '-n[nodes]' \
    '-q[quorum\: the control store]' \
    '-p[everything (as without options)]' \
    '-D[device groups (there are none here)]' \
    '-W[transport paths\: from each node to the control store]' \
    '-i[IP multipathing groups (there are none here)]' \
    '*-v[more; -vv adds the last decisions about each group]' \
    '-h[only what is on this node]:node:($(scha_cluster_get -O ALL_NODENAMES 2>/dev/null))' \
    '--json[print as JSON]' \
    '--help[help]' 
}
compdef _scstat scstat
_pmfadm() {
  _arguments -s \
    '-c[create the tag and start the command under it]:tag:_files' \
    '-m[change the limits of a tag; its history of failures is cleared]:tag:_files' \
    '-s[restart no more; send the signal when one is given]:tag:_files' \
    '-k[send the signal (KILL unless it is given); restarted while the limits allow]:tag:_files' \
    '-l[show a tag]:tag:_files' \
    '-L[list the tags; of others only for root]' \
    '-q[exit code 0 when the tag runs, else 1]:tag:_files' \
    '-a[program that is run as `action failed tag` when it has died too often; exit code 0 restarts]:action:_files' \
    '*-e[environment variable of the command; without =value the caller'\''s]:VAR=value:_files' \
    '-E[the caller'\''s whole environment]' \
    '-n[restarts allowed within the period; default 0, -1\: no limit]:retries:_files' \
    '-t[how long a failure counts; default -1\: for ever]:minutes:_files' \
    '-C[descendants down to this depth keep the tag alive; default\: all]:level:_files' \
    '-w[wait for the processes to end; -1\: as long as it takes]:seconds:_files' \
    '-h[the node; only the local one can be asked]:host:_files' \
    '--help[help]' '*::word:_files'
}
compdef _pmfadm pmfadm
_scha_resource_get() {
  _arguments -s \
    '-O[what is asked, in any case]:tag:_files' \
    '-R[the resource]:resource:_files' \
    '-G[the resource group]:group:($(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null))' \
    '-Q[dependencies with their qualifiers; they have none here]' \
    '--help[help]' '*::word:_files'
}
compdef _scha_resource_get scha_resource_get
_scha_resourcegroup_get() {
  _arguments -s \
    '-O[what is asked, in any case]:tag:_files' \
    '-G[the resource group]:group:($(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null))' \
    '--help[help]' '*::word:_files'
}
compdef _scha_resourcegroup_get scha_resourcegroup_get
_scha_resourcetype_get() {
  _arguments -s \
    '-O[what is asked, in any case]:tag:_files' \
    '-T[the resource type]:type:($(scha_cluster_get -O ALL_RESOURCETYPES 2>/dev/null))' \
    '--help[help]' 
}
compdef _scha_resourcetype_get scha_resourcetype_get
_scha_cluster_get() {
  _arguments -s \
    '-O[what is asked, in any case]:tag:_files' \
    '--help[help]' '*::word:_files'
}
compdef _scha_cluster_get scha_cluster_get
_scha_control() {
  _arguments -s \
    '-O[what is asked, in any case]:tag:_files' \
    '-G[the resource group]:group:($(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null))' \
    '-R[the resource]:resource:_files' \
    '--help[help]' 
}
compdef _scha_control scha_control
_scha_resource_setstatus() {
  _arguments -s \
    '-R[the resource]:resource:_files' \
    '-G[the resource group]:group:($(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null))' \
    '-s[OK, DEGRADED, FAULTED, UNKNOWN or OFFLINE]:status:_files' \
    '-m[a sentence for people]:message:_files' \
    '--help[help]' 
}
compdef _scha_resource_setstatus scha_resource_setstatus
