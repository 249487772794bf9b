_scrgadm() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
    -t) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_RESOURCETYPES 2>/dev/null)" -- "$cur")); return;;
    -g) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null)" -- "$cur")); return;;
    -j) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -l) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -n) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -X) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_NODENAMES 2>/dev/null)" -- "$cur")); return;;
    -h) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_NODENAMES 2>/dev/null)" -- "$cur")); return;;
    -f) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -y) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -x) COMPREPLY=($(compgen -f -- "$cur")); return;;
    --timeout) COMPREPLY=($(compgen -f -- "$cur")); return;;
  esac
  COMPREPLY=($(compgen -W "-a -c -r -p -t -g -j -L -S -l -n -X -h -f -y -x -v --json --no-wait --timeout --help" -- "$cur"))
}
complete -F _scrgadm scrgadm
_scswitch() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
    -g) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null)" -- "$cur")); return;;
    -j) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -h) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_NODENAMES 2>/dev/null)" -- "$cur")); return;;
    -D) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -f) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -K) COMPREPLY=($(compgen -f -- "$cur")); return;;
    --timeout) COMPREPLY=($(compgen -f -- "$cur")); return;;
  esac
  COMPREPLY=($(compgen -W "-z -Z -F -R -S -e -n -M -o -u -c -Q -s -r -m -g -j -h -D -f -K -k --no-wait --timeout --help" -- "$cur"))
}
complete -F _scswitch scswitch
_scstat() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
    -h) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_NODENAMES 2>/dev/null)" -- "$cur")); return;;
  esac
  COMPREPLY=($(compgen -W "-g -n -q -p -D -W -i -v -h --json --help" -- "$cur"))
}
complete -F _scstat scstat
_pmfadm() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
    -c) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -m) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -s) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -k) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -l) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -q) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -a) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -e) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -n) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -t) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -C) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -w) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -h) COMPREPLY=($(compgen -f -- "$cur")); return;;
  esac
  COMPREPLY=($(compgen -W "-c -m -s -k -l -L -q -a -e -E -n -t -C -w -h --help" -- "$cur"))
}
complete -F _pmfadm pmfadm
_scha_resource_get() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
    -O) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -R) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -G) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null)" -- "$cur")); return;;
  esac
  COMPREPLY=($(compgen -W "-O -R -G -Q --help" -- "$cur"))
}
complete -F _scha_resource_get scha_resource_get
_scha_resourcegroup_get() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
    -O) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -G) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null)" -- "$cur")); return;;
  esac
  COMPREPLY=($(compgen -W "-O -G --help" -- "$cur"))
}
complete -F _scha_resourcegroup_get scha_resourcegroup_get
_scha_resourcetype_get() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
    -O) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -T) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_RESOURCETYPES 2>/dev/null)" -- "$cur")); return;;
  esac
  COMPREPLY=($(compgen -W "-O -T --help" -- "$cur"))
}
complete -F _scha_resourcetype_get scha_resourcetype_get
_scha_cluster_get() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
    -O) COMPREPLY=($(compgen -f -- "$cur")); return;;
  esac
  COMPREPLY=($(compgen -W "-O --help" -- "$cur"))
}
complete -F _scha_cluster_get scha_cluster_get
_scha_control() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
    -O) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -G) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null)" -- "$cur")); return;;
    -R) COMPREPLY=($(compgen -f -- "$cur")); return;;
  esac
  COMPREPLY=($(compgen -W "-O -G -R --help" -- "$cur"))
}
complete -F _scha_control scha_control
_scha_resource_setstatus() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
  case $prev in
    -R) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -G) COMPREPLY=($(compgen -W "$(scha_cluster_get -O ALL_RESOURCEGROUPS 2>/dev/null)" -- "$cur")); return;;
    -s) COMPREPLY=($(compgen -f -- "$cur")); return;;
    -m) COMPREPLY=($(compgen -f -- "$cur")); return;;
  esac
  COMPREPLY=($(compgen -W "-R -G -s -m --help" -- "$cur"))
}
complete -F _scha_resource_setstatus scha_resource_setstatus
