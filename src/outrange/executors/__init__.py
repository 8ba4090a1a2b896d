"""Work for others: any `concurrent.futures.Executor`, or a client of Dask, behind one seam."""

from .chunks import Chunks as Chunks, decided as decided
from .crew import ATTEMPTS as ATTEMPTS, TICK as TICK, Crew as Crew, Done as Done
from .nodes import Nodes as Nodes, WorkerNode as WorkerNode
from .parcel import Parcel as Parcel
from .pool import ExecutorPool as ExecutorPool, Pool as Pool, pool_of as pool_of
from .seam import Workers as Workers, workers as workers, working_on as working_on
from .shelf import Kept as Kept, WrongVersion as WrongVersion
