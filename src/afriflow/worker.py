"""Every job and every schedule there is, on one screen."""

from afriflow.assembly import Assembly
from afriflow.jobs.held import prune_log
from afriflow.jobs.queue import Schedule, Task
from afriflow.jobs.run import Lanes, Worker, WorkerLimits
from afriflow.merchants.sessions import prune_sessions


def tasks(house: Assembly) -> tuple[list[Task], list[Task]]:
    """What is put off, in two lanes: the names stand in the queue, so they outlive releases.

    Within a lane the more urgent goes first. What has happened would always go before what must be asked, and under
    load nobody would be asked any more: so each lane has a worker of its own in every process (L3).
    """
    happened = [
        Task("process", house.processor.process),  # read a notification that the door has kept
        Task("deliver", house.deliverer.deliver),  # tell the merchant
        Task("replay", house.replayer.replay),  # tell an endpoint the events of a time once more
    ]
    due = [
        Task("follow", house.follower.follow),  # ask the provider until the attempt is final
        Task("ask", house.follower.ask),  # a contradiction: ask once more, whatever we believe
        Task("give_back", house.giver_back.give_back),  # late money, money paid twice
        Task("expire", house.sessions.expire),  # the time to pay is over
    ]
    return happened, due


def schedules(house: Assembly) -> list[Schedule]:
    """What comes by the clock."""

    async def prune() -> None:
        async with house.database.connection() as connection:
            await prune_log(connection, house.settings.job_log_days)
            await prune_sessions(connection)

    return [
        Schedule("sweep", "*/5 * * * *", house.sweeper.sweep),  # open attempts that no job follows
        Schedule("lapse", "*/5 * * * *", house.approvals.expire),  # payouts whose second person did not come
        Schedule("audit", "* * * * *", house.auditor.look),  # does what must hold still hold?
        Schedule("remind", "0 6 * * *", house.reminder.remind),  # what still waits for a person
        Schedule("refresh", "*/10 * * * *", house.refresher.refresh),  # what each provider account may do now
        Schedule("forget", "41 2 * * *", house.forgetter.forget),  # exchanges that have had their time
        Schedule("tally", "* * * * *", house.tallier.tally),  # how payments went, by the hour
        Schedule("weigh", "* * * * *", house.weigher.weigh),  # how orders ended lately at each account
        Schedule("hours", "*/5 * * * *", house.hours.measure),  # how each account has done, hour by hour
        Schedule("prune", "17 * * * *", prune),  # the queue's log, ended sessions, old links
    ]


def make_worker(house: Assembly) -> Lanes:
    """Give the workers of this process."""
    settings = house.settings
    limits = WorkerLimits(
        settings.worker_jobs_max,
        settings.worker_batch,
        settings.worker_poll_seconds,
        settings.worker_heartbeat_seconds,
        settings.worker_crashes_max,
    )
    happened, due = tasks(house)
    return Lanes(
        [
            Worker(settings.database_url, happened, [], limits, house.chance),
            Worker(settings.database_url, due, schedules(house), limits, house.chance),
        ]
    )
