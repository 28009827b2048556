#!/bin/sh
# Imitates machines with namespaces of the network, joined by a switch, and runs a command on the first of them:
#
#   hosts.sh COUNT RATE FOLDER mpirun -n 2 …
#
# RATE is that of each machine's link, as tc knows it (1gbit), or "full". They share the file system. Open MPI finds them by
# itself: FOLDER gets its list of hosts and what it starts processes with, and for each host a file named as its address
# with the number of the process that holds its namespaces. All is gone when this ends, in whatever way.
set -e
count=$1 rate=$2 folder=$3
shift 3
held=''
trap 'kill $held 2> /dev/null' EXIT

# Holds new namespaces; their process, $!, ends with this one.
hold() {
  setpriv --pdeathsig KILL unshare --net --uts sleep infinity &
  held="$held $!"
  until [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.01; done
}

hold
switch=$!
nsenter -t $switch -n sh -ec 'ip link add hub type bridge; ip link set hub up'
: > "$folder/hosts"
for host in $(seq "$count"); do
  hold
  address=10.0.0.$host
  ip link add eth0 netns $! type veth peer name "port$host" netns $switch
  nsenter -t $switch -n ip link set "port$host" master hub up
  [ "$rate" = full ] || nsenter -t $switch -n tc qdisc add dev "port$host" root tbf rate "$rate" burst 256kb latency 50ms
  nsenter -t $! -n -u sh -ec "
    hostname host$host
    ip address add $address/24 dev eth0
    ip link set lo up
    ip link set eth0 up
    echo 8 > /proc/sys/net/ipv4/tcp_retries2
  "
  echo $! > "$folder/$address"
  echo $(((host - 1) % $(nproc))) > "$folder/$address.core"
  echo "$address slots=1" >> "$folder/hosts"
done
cat > "$folder/agent" << AGENT
#!/bin/sh
host=\$1
shift
exec nsenter -t \$(cat '$folder'/\$host) -n -u -- taskset -c \$(cat '$folder'/\$host.core) sh -c "\$*"
AGENT
chmod +x "$folder/agent"

# Each machine has a core of its own, as far as there are some; mpirun would have the first process of each keep to the same.
# Open MPI 4 and 5 have names of their own.
export OMPI_MCA_hwloc_base_binding_policy=none PRTE_MCA_hwloc_default_binding_policy=none
export OMPI_MCA_plm_rsh_agent="$folder/agent" OMPI_MCA_orte_default_hostfile="$folder/hosts"
export PRTE_MCA_plm_ssh_agent="$folder/agent" PRTE_MCA_prte_default_hostfile="$folder/hosts"
nsenter -t "$(cat "$folder/10.0.0.1")" -n -u -- taskset -c 0 "$@"
