from django.conf import settings
from django.urls import path

from portal import desk, desk_inbox, desk_list, desk_writing, tickets

DESK = f"{settings.ADMIN_PATH}/tickets"
urlpatterns = [
    path("account/tickets/", tickets.ticket_list, name="tickets"),
    path("account/tickets/export/", tickets.ticket_export, name="ticket_export"),
    path("account/tickets/files/<int:attachment_id>/", tickets.ticket_file, name="ticket_file"),
    path(
        "account/tickets/files/<int:attachment_id>/<slug:token>/",
        tickets.answer_file,
        name="answer_file",
    ),
    path("account/tickets/<int:ticket_id>/", tickets.ticket, name="ticket"),
    path("account/tickets/<int:ticket_id>/answer/", tickets.answer_ticket, name="answer_ticket"),
    path(f"{DESK}/", desk_list.desk, name="desk"),
    path(f"{DESK}/new/", desk_writing.desk_write, name="desk_write"),
    path(f"{DESK}/inbox/", desk_inbox.desk_inbox, name="desk_inbox"),
    path(f"{DESK}/inbox/put-away/", desk_inbox.desk_put_away, name="desk_put_away"),
    path(f"{DESK}/inbox/<int:mail_id>/", desk_inbox.desk_mail, name="desk_mail"),
    path(f"{DESK}/inbox/<int:mail_id>/append/", desk_inbox.desk_append, name="desk_append"),
    path(f"{DESK}/inbox/<int:mail_id>/raw/", desk_inbox.desk_raw, name="desk_raw"),
    path(f"{DESK}/inbox/<int:mail_id>/adopt/", desk_inbox.desk_adopt, name="desk_adopt"),
    path(f"{DESK}/files/<int:attachment_id>/", desk.desk_file, name="desk_file"),
    path(f"{DESK}/<int:ticket_id>/", desk.desk_ticket, name="desk_ticket"),
    path(f"{DESK}/<int:ticket_id>/answer/", desk.desk_answer, name="desk_answer"),
    path(f"{DESK}/<int:ticket_id>/facts/", desk.desk_facts, name="desk_facts"),
    path(f"{DESK}/<int:ticket_id>/merge/", desk.desk_merge, name="desk_merge"),
    path(f"{DESK}/messages/<int:message_id>/split/", desk.desk_split, name="desk_split"),
    path(f"{DESK}/<int:ticket_id>/public/", desk.desk_public, name="desk_public"),
]
