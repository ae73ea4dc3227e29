"""Scratch driver: python -m tests.traps.try GROUP [threads nats]"""
import sys, shutil
from pathlib import Path
from tests.traps.harness import stage
from pipetrace.runner.transport import open_transport
from pipetrace.runner import npm
group=sys.argv[1]; kinds=sys.argv[2:] or ["threads","nats"]
out=Path("/tmp/wt-scratch/traps/out")/group
shutil.rmtree(out, ignore_errors=True); out.mkdir(parents=True)
mods=Path("/tmp/wt-scratch/traps/nm/node_modules")
s=stage(Path(__file__).parent/group,out,mods)
for h in sorted(s.plan.handlers,key=lambda h:h.id):
    c,t=s.reason(h.id)
    print(f"{h.id:45} {c:22} {t[:170]}")
for r in s.plan.refusals:
    if r.cause=='unseen': print("UNSEEN",r.handler)
for t,l in s.original.transcripts.items():
    if any('client failed' in x or 'NO_ANSWER' in x for x in l): print("ORIGINAL",t,l)
print("orig alive",s.original.alive,s.original.status)
for k in kinds:
    with open_transport(k) as tr:
        try: r=s.run(k,tr)
        except Exception as e:
            print(k,"FAILED",e); continue
    print("==",k,"alive",r.alive,r.status,"sent",sum(r.sent.values()), "not sent:",[n for n,v in r.sent.items() if not v])
    for t in s.original.transcripts:
        a,b=s.original.transcripts[t],r.transcripts.get(t)
        if a!=b:
            print("  DIFF",t)
            for x,y in zip(a,b or []):
                if x!=y: print("    -",x[:700]); print("    +",y[:700]); break
            else: print("   lengths",len(a),len(b or []))
    for v in r.violations: print("  VIOL",v)
    for l in r.errors.splitlines()[:40]: print("  ERR",l)
    if sorted(r.output.splitlines())!=sorted(s.original.output.splitlines()): print("  OUT",s.original.output[:500],"|||",r.output[:500])
