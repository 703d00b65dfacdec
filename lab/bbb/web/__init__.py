"""Stands in for bbb-web and for all that carries a meeting's media, on a host of the lab.

From where this is known: BigBlueButton's docs/development/api.md, the templates of bbb-web
(get-meetings.ftlx, get-meeting-info.ftlx, create-meeting.ftlx, api-version.ftlx) and the keys of
its validation (bbb-common-web, org.bigbluebutton.api.model.constraint). All of this is our own.

What a participant of the lab holds, and what carries it:

    signals    one HTTP answer that never ends, through haproxy and nginx as BigBlueButton's
               websocket. The user is in the meeting as long as this lasts.
    media      UDP, echoed by a port of the meeting's own, from 16384 up (BigBlueButton's range).

Both break with their meeting, and with each unit of carriers.py. A stop of the daemon ends all
meetings, because meetings are in memory.
"""
